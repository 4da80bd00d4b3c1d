{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | What an HTTP/1.1 server replies: a head, and a body in whatever framing it chooses.
module AWS.Lambda.Run.Reply
  ( Reply (..),
    readReply,
    header,
    sameText,
    ignore,
  )
where

import AWS.Lambda.Run.Place (borrowed, leastLarge)
import AWS.Lambda.Run.Reader
import Control.Exception (Handler (..), IOException, catch, catches, throwIO)
import Control.Monad (unless, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Unsafe as B
import Data.Char (digitToInt, isHexDigit)
import Data.List (find)
import Data.Word (Word8)
import Foreign.C.String (CString)
import Foreign.C.Types (CInt (..), CSize (..))
import Foreign.Ptr (plusPtr)
import System.IO.Unsafe (unsafeDupablePerformIO)

-- | 'replyBody' is 'Nothing' when the connection broke in the middle of it.
data Reply = Reply {replyStatus :: !Int, replyHeaders :: [(ByteString, ByteString)], replyBody :: !(Maybe ByteString)}

-- | The reply that comes next; 'Gone' where there is none.
readReply :: Reader -> IO Reply
readReply reader = do
  (code, fields) <- readHead reader `catch` broken
  found <- fmap Just (content code fields) `catches` [Handler (\Gone -> pure Nothing), Handler (\e -> Nothing <$ ignore e)]
  pure (Reply code fields found)
  where
    content code fields
      | code == 204 || code == 304 = pure B.empty
      | maybe False (not . sameText "identity") (header "transfer-encoding" fields) = readChunks reader
      | otherwise = case [value | (name, value) <- fields, sameText name "content-length"] of
        [] -> readAll reader
        value : others
          | B.all isDecimal value, Just size <- sizeIn decimal value, all (== value) others -> readExactly reader size
          | otherwise -> throwIO Gone -- a length that is none, or two: nobody knows where the body ends
    broken :: IOException -> IO a
    broken _ = throwIO Gone

isDecimal :: Word8 -> Bool
isDecimal c = c >= 48 && c < 58

decimal :: ByteString -> Int
decimal = B.foldl' (\n c -> n * 10 + fromIntegral c - 48) 0

-- | Not more than any event or reply can have: a damaged one does not take the memory.
sizeIn :: (ByteString -> Int) -> ByteString -> Maybe Int
sizeIn numeral digits
  | B.null digits || B.length digits > 16 || size < 0 || size > 0x40000000 = Nothing
  | otherwise = Just size
  where
    size = numeral digits

-- | For a handler of exceptions that say nothing new.
ignore :: IOException -> IO ()
ignore _ = pure ()

-- | The value of a header.
header :: ByteString -> [(ByteString, ByteString)] -> Maybe ByteString
header name = fmap snd . find (sameText name . fst)

-- | The same text, whatever the case of its ASCII letters.
sameText :: ByteString -> ByteString -> Bool
sameText one two =
  B.length one == B.length two
    && unsafeDupablePerformIO
      ( B.unsafeUseAsCStringLen one $ \(a, size) ->
          B.unsafeUseAsCString two $ \b -> (== 0) <$> c_strncasecmp a b (fromIntegral size)
      )

foreign import ccall unsafe "strncasecmp" c_strncasecmp :: CString -> CString -> CSize -> IO CInt

-- | Status and headers; what comes before the final reply (1xx) is passed over.
readHead :: Reader -> IO (Int, [(ByteString, ByteString)])
readHead reader = more B.empty
  where
    more piece = do
      new <- readSome reader
      when (B.null new || B.length piece > headLimit) (throwIO Gone)
      go (if B.null piece then new else piece <> new)
    go piece = case headIn piece of
      Whole code fields rest
        | code < 200 -> if B.null rest then more rest else go rest
        | otherwise -> (code, fields) <$ putBack reader rest
      Part -> more piece
      None -> throwIO Gone
    headLimit = 0x100000 -- bytes; a client's context alone may have 64 KB

-- | What is there of a head: all of it with what stands behind it, not all yet, or none.
data Head = Whole !Int [(ByteString, ByteString)] !ByteString | Part | None

headIn :: ByteString -> Head
headIn text = line text $ \first rest ->
  if B.null first
    then headIn rest -- an empty line before it is an old habit
    else maybe None (fieldsIn rest . Whole) (statusIn first)

-- | Of @HTTP/1.1 200 OK@. What is no such line cannot be passed over: another would be waited for for ever.
statusIn :: ByteString -> Maybe Int
statusIn first
  | "HTTP/1." `B.isPrefixOf` first, B.length digits == 3, B.all isDecimal digits, code >= 100 = Just code
  | otherwise = Nothing
  where
    digits = B.take 3 (B.drop 9 first)
    code = decimal digits

-- | Handed on with what stands behind them.
fieldsIn :: ByteString -> ([(ByteString, ByteString)] -> ByteString -> Head) -> Head
fieldsIn text found = line text $ \one rest ->
  if B.null one then found [] rest else let field = fieldIn one in field `seq` fieldsIn rest (found . (field :))

fieldIn :: ByteString -> (ByteString, ByteString)
fieldIn one = case B.elemIndex 58 one of
  Just at -> let name = end (B.unsafeTake at one); value = start (end (B.unsafeDrop (at + 1) one)) in name `seq` value `seq` (name, value)
  Nothing -> (one, B.empty)
  where
    -- No blank may stand in front of the colon, but one that hid the length would let us wait for ever.
    start text = if not (B.null text) && isBlank (B.unsafeHead text) then start (B.unsafeTail text) else text
    end text = if not (B.null text) && isBlank (B.unsafeLast text) then end (B.unsafeInit text) else text
    isBlank c = c == 32 || c == 9

-- | The first line without its line break (and carriage return), and the rest.
line :: ByteString -> (ByteString -> ByteString -> Head) -> Head
line text found = case B.elemIndex 10 text of
  Just at -> found (B.unsafeTake (if at > 0 && B.unsafeIndex text (at - 1) == 13 then at - 1 else at) text) (B.unsafeDrop (at + 1) text)
  Nothing -> Part
{-# INLINE line #-}

-- | A body in chunks. What is large is read where it is to stand.
readChunks :: Reader -> IO ByteString
readChunks reader = apart [] 0
  where
    apart pieces total = do
      size <- readSize
      if size == 0 then done pieces else more pieces total size
    done pieces = B.concat (reverse pieces) <$ trailers
    more pieces total size = do
      place <- if total + size < leastLarge then pure Nothing else borrowed (placeOf reader)
      case place of
        Just (whole, start) | total + size <= B.length whole -> do
          copyTo start (B.concat (reverse pieces))
          inPlace whole start total size
        _ -> do
          piece <- readExactly reader size
          endOfChunk
          apart (piece : pieces) (total + size)
    inPlace whole start total size = do
      readTo reader (start `plusPtr` total) size
      endOfChunk
      next <- readSize
      let now = total + size
      if next == 0
        then B.take now whole <$ trailers
        else
          if now + next <= B.length whole
            then inPlace whole start now next
            else do
              piece <- readExactly reader next
              endOfChunk
              apart [piece, B.take now whole] (now + next)
    readSize = readLine reader >>= maybe (throwIO Gone) pure . (>>= chunkSize)
    chunkSize one
      | (digits, rest) <- C.span isHexDigit one, C.all (`elem` ("; \t" :: String)) (B.take 1 rest) = sizeIn hexadecimal digits
      | otherwise = Nothing
    endOfChunk = readLine reader >>= \end -> when (end /= Just "") (throwIO Gone)
    hexadecimal = C.foldl' (\n d -> n * 16 + digitToInt d) 0
    trailers = readLine reader >>= maybe (throwIO Gone) (\one -> unless (B.null one) trailers)
