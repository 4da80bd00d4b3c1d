{-# LANGUAGE OverloadedStrings #-}

-- | HTTP/1.1 over one kept connection: requests to the Runtime API, and their replies in whatever framing it chooses.
module AWS.Lambda.Run.Http
  ( Api,
    Reply (..),
    newApi,
    askAhead,
    notAhead,
    next,
    post,
    beginChunks,
    sendChunk,
    endChunks,
    isTorn,
    hangUp,
    header,
    ignore,
  )
where

import AWS.Lambda.Run.Context (nowMs)
import AWS.Lambda.Run.Descriptor (Descriptor, close, writeAll, writeSome)
import AWS.Lambda.Run.Place (Place, newPlace)
import AWS.Lambda.Run.Reader (Gone (..), Reader, awaitSome, hasRest, hasWords, newReader)
import AWS.Lambda.Run.Reply
import AWS.Lambda.Run.Socket (Waiting (..), connectTo)
import Control.Concurrent (threadDelay)
import Control.Exception (IOException, allowInterrupt, catch, mask_, throwIO, try, uninterruptibleMask_)
import Control.Monad (unless, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.IORef
import Data.Int (Int64)
import Data.Maybe (isJust)
import Data.Word (Word8)
import Numeric (showHex)
import Text.Read (readMaybe)

-- | The connection, made when it is needed; what goes out behind each answer, and whether it has; when something was heard
-- last, in milliseconds since 1970; where large events stand; what is to go out first, of a chunk that was interrupted.
data Api = Api
  { host :: !ByteString,
    address :: [Word8],
    port :: !Int,
    connection :: IORef (Maybe (Descriptor, Reader)),
    waiting :: !Waiting,
    behind :: !ByteString,
    asked :: IORef Bool,
    heard :: IORef Int64,
    place :: !Place,
    unsent :: !(IORef ByteString)
  }

-- | At @host:port@, not connected yet; an 'IOException' where that is no address.
newApi :: String -> IO Api
newApi location = case (addressOf name, if null rest then Just 80 else readMaybe (drop 1 rest)) of
  (Just numbers, Just number) -> Api (C.pack location) numbers number <$> newIORef Nothing <*> pure Briefly <*> pure B.empty <*> newIORef False <*> newIORef 0 <*> newPlace <*> newIORef B.empty
  _ -> ioError (userError ("AWS_LAMBDA_RUNTIME_API=" ++ location ++ " is no IPv4 address and port"))
  where
    (name, rest) = break (== ':') location

addressOf :: String -> Maybe [Word8]
addressOf "localhost" = Just [127, 0, 0, 1]
addressOf text = case traverse number (C.split '.' (C.pack text)) of
  Just numbers | length numbers == 4 -> Just numbers
  _ -> Nothing
  where
    number part = case C.readInt part of
      Just (n, "") | n >= 0 && n < 256 -> Just (fromIntegral n)
      _ -> Nothing

-- | Ask for the next event directly behind each answer: of several at once Lambda counts on each to wait, and refuses an
-- event that meets none. And none of them may hold up the others.
askAhead :: Api -> Api
askAhead api = api {waiting = Never, behind = nextHead api}

-- | The same connection, for an answer behind which nothing is asked.
notAhead :: Api -> Api
notAhead api = api {behind = B.empty}

-- | The next event. An asynchronous exception comes while none is there, or not at all: whoever calls this masks them.
next :: Api -> IO Reply
next api = allowInterrupt >> readIORef (asked api) >>= exchange . (+ 1) . fromEnum
  where
    exchange again = asking `catch` \Gone -> hangUp api >> if again > 0 then exchange (again - 1 :: Int) else throwIO Gone
    asking = do
      out <- readIORef (asked api)
      unless out . uninterruptibleMask_ $ do
        (descriptor, _) <- silentConnectionOf api
        writeAll descriptor (nextHead api) B.empty `catch` ignore -- it may have said why before it hung up
        writeIORef (asked api) True
      (_, reader) <- connectionOf api
      awaitSome reader `catch` \problem -> ignore problem >> throwIO Gone
      uninterruptibleMask_ $ writeIORef (asked api) False >> replyOf api reader

nextPath :: ByteString
nextPath = "invocation/next"

nextHead :: Api -> ByteString
nextHead api = headOf api "GET" nextPath []

-- | In milliseconds: nobody falls silent, or hangs up, in less.
aWhile :: Int64
aWhile = 2

-- | A reply, and the end of a connection that does not outlast it.
replyOf :: Api -> Reader -> IO Reply
replyOf api reader = do
  reply <- readReply reader
  now <- nowMs
  writeIORef (heard api) $! now
  unless (isJust (replyBody reply) && keepsOpen reply) (hangUp api)
  pure reply

-- | The reply to an answer; behind it stands the next event, where that was asked for.
verdict :: Api -> Reader -> IO Reply
verdict api reader = do
  reply <- replyOf api reader
  kept <- isJust <$> readIORef (connection api)
  reply <$ writeIORef (asked api) (kept && not (B.null (behind api)))

-- | Post this, and read the reply. A connection that breaks is made anew, and the request sent once more.
post :: Api -> ByteString -> [(ByteString, ByteString)] -> ByteString -> IO Reply
post api path more content = attempt (1 :: Int)
  where
    attempt again = exchange `catch` retry again
    exchange = do
      (descriptor, reader) <- silentConnectionOf api
      sendAll descriptor `catch` ignore -- it may have said why before it hung up
      verdict api reader
    -- What stands behind goes out with the last of the content.
    sendAll descriptor
      | B.null (behind api) = writeAll descriptor requestHead content
      | B.length content < last' = writeAll descriptor (requestHead <> content) (behind api)
      | (most, rest) <- B.splitAt (B.length content - last') content = writeAll descriptor requestHead most >> writeAll descriptor rest (behind api)
    last' = 16384
    retry again Gone = do
      hangUp api
      if again > 0 then attempt (again - 1) else throwIO Gone
    requestHead = headOf api "POST" path (more ++ [("Content-Length", C.pack (show (B.length content)))])

headOf :: Api -> ByteString -> ByteString -> [(ByteString, ByteString)] -> ByteString
headOf api method path fields =
  B.concat $
    [method, " /2018-06-01/runtime/", path, " HTTP/1.1\r\nHost: ", host api, "\r\n"]
      ++ concat [[name, ": ", value, "\r\n"] | (name, value) <- fields]
      ++ ["\r\n"]

-- | Begin a request whose body comes in chunks, the first one with its head.
beginChunks :: Api -> ByteString -> [(ByteString, ByteString)] -> ByteString -> IO ()
beginChunks api path more first = begin `catch` \problem -> ignore problem >> hangUp api >> begin
  where
    -- The connection may have died while the handler worked.
    begin = do
      (descriptor, _) <- silentConnectionOf api
      sendWhole api descriptor (headOf api "POST" path (more ++ [("Transfer-Encoding", "chunked")]) <> chunk first)

-- | One more chunk; nothing for none.
sendChunk :: Api -> ByteString -> IO ()
sendChunk api piece = connectionOf api >>= \(descriptor, _) -> sendWhole api descriptor (chunk piece)

-- | The bytes, behind what an exception left of the last ones: a handler may end its own writing, and write on.
sendWhole :: Api -> Descriptor -> ByteString -> IO ()
sendWhole api descriptor bytes = mask_ $ rest >> writeIORef (unsent api) bytes >> rest
  where
    rest =
      readIORef (unsent api) >>= \left -> unless (B.null left) $ do
        done <- writeSome descriptor left B.empty
        writeIORef (unsent api) (B.drop done left) >> rest

-- | Whether something of a chunk has not gone out.
isTorn :: Api -> IO Bool
isTorn api = not . B.null <$> readIORef (unsent api)

chunk :: ByteString -> ByteString
chunk piece
  | B.null piece = B.empty
  | otherwise = B.concat [C.pack (showHex (B.length piece) "\r\n"), piece, "\r\n"]

-- | The end of the chunks, with trailers; the reply.
endChunks :: Api -> [(ByteString, ByteString)] -> IO Reply
endChunks api trailers = do
  (descriptor, reader) <- connectionOf api
  sendWhole api descriptor (B.concat (["0\r\n"] ++ concat [[name, ": ", value, "\r\n"] | (name, value) <- trailers] ++ ["\r\n", behind api]))
  verdict api reader

keepsOpen :: Reply -> Bool
keepsOpen reply = maybe True (not . sameText "close") (header "connection" (replyHeaders reply))

-- | End the connection; the next request makes another.
hangUp :: Api -> IO ()
hangUp api = do
  old <- readIORef (connection api)
  writeIORef (connection api) Nothing
  writeIORef (asked api) False
  writeIORef (unsent api) B.empty
  mapM_ (close . fst) old

-- | The emulator starts us before it listens: be patient for two seconds.
connectionOf :: Api -> IO (Descriptor, Reader)
connectionOf api = readIORef (connection api) >>= maybe dial pure
  where
    dial = nowMs >>= go
    go begun = do
      made <- try (connectTo (waiting api) (address api) (port api)) :: IO (Either IOException Descriptor)
      now <- nowMs
      case made of
        Right descriptor -> do
          pair <- (,) descriptor <$> newReader (place api) descriptor
          pair <$ writeIORef (connection api) (Just pair)
        Left problem
          | now - begun > (2000 :: Int64) -> throwIO problem
          | otherwise -> threadDelay 5000 >> go begun

-- | The same for a request. A server that speaks before it was asked has hung up, or is out of step: what it says would be
-- taken for the reply.
silentConnectionOf :: Api -> IO (Descriptor, Reader)
silentConnectionOf api = do
  kept <- readIORef (connection api)
  lately <- (\last' now -> now - last' < aWhile) <$> readIORef (heard api) <*> nowMs
  speaks <- maybe (pure False) ((if lately then hasRest else hasWords) . snd) kept
  when speaks (hangUp api)
  connectionOf api
