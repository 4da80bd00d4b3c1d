{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | AWS Lambda's Runtime API, over one kept HTTP/1.1 connection.
module Lambda.Api (serve) where

import Control.Concurrent (threadDelay)
import Control.Exception (Handler (..), IOException, catch, catches, throwIO, try)
import Control.Monad (forever, unless, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import qualified Data.ByteString.Unsafe as B
import Data.Char (digitToInt, isHexDigit)
import Data.IORef
import Data.Int (Int64)
import Data.List (find)
import Data.Maybe (isJust)
import Data.Word (Word8)
import Foreign.C.String (CString)
import Foreign.C.Types (CInt (..), CSize (..))
import Lambda.Context (Context (..), date, nowMs, remainingMs, setVariable)
import Lambda.Deadline (Watch, before, newWatch)
import Lambda.Descriptor
import System.IO (stderr)
import System.IO.Unsafe (unsafeDupablePerformIO)
import Text.Read (readMaybe)

-- | The connection, made when it is needed.
data Api = Api {host :: !ByteString, address :: [Word8], port :: !Int, connection :: IORef (Maybe (Descriptor, Reader))}

-- | 'body' is 'Nothing' when the connection broke in the middle of it.
data Reply = Reply {status :: !Int, headers :: [(ByteString, ByteString)], body :: !(Maybe ByteString)}

-- | Why an event has no answer: the error's type, and a message.
type Failure = (ByteString, ByteString)

-- | Serve the API at @host:port@ for ever. The handler gives 'Left' and a message for an event that fails; one that
-- has not answered shortly before the deadline is ended by an exception, and the event fails.
serve :: String -> Context -> (Context -> ByteString -> IO (Either ByteString ByteString)) -> IO ()
serve location constants handler = do
  api <- newApi location
  watch <- newWatch
  forever $ do
    reply <- request api "GET" "invocation/next" [] B.empty
    -- For good: Lambda wants us to go, and asking again would spin.
    unless (status reply == 200) . giveUp $ "answered GET next with " ++ show (status reply)
    let context = contextOf constants (headers reply)
        path = "invocation/" <> requestId context
    when (B.null (requestId context)) $ giveUp "sent an event without a request id"
    setVariable "_X_AMZN_TRACE_ID" (traceId context)
    result <- case body reply of
      Just event -> limited watch context (handler context event) >>= judged context
      Nothing -> pure (Left ("Runtime.TruncatedEvent", "the connection to the Runtime API broke in the middle of the event"))
    verdict <- case result of
      Right answer -> request api "POST" (path <> "/response") [] answer
      Left failure -> do
        note (C.unpack (fst failure) ++ ": ") (snd failure)
        request api "POST" (path <> "/error") [("Lambda-Runtime-Function-Error-Type", fst failure)] (described failure)
    when (status verdict >= 500) $ giveUp ("answered " ++ show (status verdict))
    when (status verdict >= 300) $ note ("the Runtime API answered " ++ show (status verdict) ++ " to ") path
  where
    giveUp what = ioError (userError ("the Runtime API " ++ what))
    -- A line in the log, where there is one.
    note text bytes = C.hPutStrLn stderr (B.concat ["lambda-run: ", C.pack text, bytes]) `catch` ignored

-- | What is sent of the handler's result; 'Nothing': it had none in time.
judged :: Context -> Maybe (Either ByteString ByteString) -> IO (Either Failure ByteString)
judged context result = case result of
  Just (Left message) -> pure (Left ("Function.HandlerError", message))
  Just (Right answer)
    | B.null answer -> pure (Left ("Function.NoResponse", "the handler gave an empty answer; one with nothing to say gives null"))
    | B.length answer > answerLimit -> pure (Left ("Function.ResponseSizeTooLarge", tooLarge))
    | otherwise -> pure (Right answer)
  Nothing -> do
    deadline <- maybe (pure "") date (deadlineMs context)
    pure (Left ("Function.Timeout", B.concat ["the handler had not answered shortly before the deadline ", deadline, " of request ", requestId context]))
  where
    answerLimit = 6291556 -- bytes: Lambda's limit
    tooLarge = "the answer is above " <> C.pack (show answerLimit) <> " bytes, Lambda's limit; leave it in S3"

-- | The action, ended a little before the deadline.
limited :: Watch -> Context -> IO a -> IO (Maybe a)
limited watch context action = do
  left <- remainingMs context
  case (deadlineMs context, fromIntegral <$> left) of
    (Just deadline, Just ms) | ms > 0 -> before watch (deadline - min 300 (ms `div` 4)) action
    _ -> Just <$> action

described :: Failure -> ByteString
described (kind, message) =
  L.toStrict . Builder.toLazyByteString $
    "{\"errorMessage\":" <> quoted message <> ",\"errorType\":" <> quoted kind <> ",\"stackTrace\":[]}"

-- | UTF-8 as a JSON string.
quoted :: ByteString -> Builder.Builder
quoted text = "\"" <> go text <> "\""
  where
    go rest = case C.span (\c -> c >= ' ' && c /= '"' && c /= '\\') rest of
      (plain, special) -> Builder.byteString plain <> maybe mempty escape (C.uncons special)
    escape (c, rest)
      | c == '"' || c == '\\' = Builder.char7 '\\' <> Builder.char7 c <> go rest
      | otherwise = "\\u" <> Builder.word16HexFixed (fromIntegral (fromEnum c)) <> go rest

contextOf :: Context -> [(ByteString, ByteString)] -> Context
contextOf constants fields =
  constants
    { requestId = maybe B.empty id (field "lambda-runtime-aws-request-id")
    , deadlineMs = fromIntegral . fst <$> (field "lambda-runtime-deadline-ms" >>= C.readInt)
    , invokedFunctionArn = field "lambda-runtime-invoked-function-arn"
    , traceId = field "lambda-runtime-trace-id"
    , clientContext = field "lambda-runtime-client-context"
    , identity = field "lambda-runtime-cognito-identity"
    }
  where
    field name = header name fields

newApi :: String -> IO Api
newApi location = case (addressOf name, if null rest then Just 80 else readMaybe (drop 1 rest)) of
  (Just numbers, Just number) -> Api (C.pack location) numbers number <$> newIORef Nothing
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

-- | One request and its reply. A connection that breaks is made anew, and the request sent once more.
request :: Api -> ByteString -> ByteString -> [(ByteString, ByteString)] -> ByteString -> IO Reply
request api method path more content = attempt (1 :: Int)
  where
    attempt again = exchange `catch` retry again
    exchange = do
      (descriptor, reader) <- connected api
      writeAll descriptor requestHead content `catch` ignored -- it may have said why before it hung up
      reply <- readReply reader
      unless (isJust (body reply) && keepsOpen reply) (hangUp api)
      pure reply
    retry again Gone = do
      hangUp api
      if again > 0 then attempt (again - 1) else throwIO Gone
    requestHead =
      B.concat $
        [method, " /2018-06-01/runtime/", path, " HTTP/1.1\r\nHost: ", host api, "\r\n"]
          ++ concat [[name, ": ", value, "\r\n"] | (name, value) <- more]
          ++ ["Content-Length: " <> C.pack (show (B.length content)) <> "\r\n" | method /= "GET"]
          ++ ["\r\n"]

keepsOpen :: Reply -> Bool
keepsOpen reply = maybe True (not . sameText "close") (header "connection" (headers reply))

hangUp :: Api -> IO ()
hangUp api = do
  old <- readIORef (connection api)
  writeIORef (connection api) Nothing
  mapM_ (close . fst) old

-- | The emulator starts us before it listens: be patient for two seconds.
connected :: Api -> IO (Descriptor, Reader)
connected api = readIORef (connection api) >>= maybe dial pure
  where
    dial = nowMs >>= go
    go begun = do
      made <- try (connectTo (address api) (port api)) :: IO (Either IOException Descriptor)
      now <- nowMs
      case made of
        Right descriptor -> do
          pair <- (,) descriptor <$> newReader descriptor
          pair <$ writeIORef (connection api) (Just pair)
        Left problem
          | now - begun > (2000 :: Int64) -> throwIO problem
          | otherwise -> threadDelay 5000 >> go begun

readReply :: Reader -> IO Reply
readReply reader = do
  (code, fields) <- readHead reader `catch` broken
  found <- fmap Just (content code fields) `catches` [Handler (\Gone -> pure Nothing), Handler (\e -> Nothing <$ ignored e)]
  pure (Reply code fields found)
  where
    content code fields
      | maybe False (sameText "chunked") (header "transfer-encoding" fields) = B.concat <$> readChunks reader
      | code == 204 = pure B.empty
      | otherwise = case header "content-length" fields >>= C.readInt of
          Just (size, _) | size >= 0 -> readExactly reader size
          _ -> readAll reader
    broken :: IOException -> IO a
    broken _ = throwIO Gone

ignored :: IOException -> IO ()
ignored _ = pure ()

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
readHead reader = do
  line <- needed
  fields <- readFields
  case C.readInt (B.drop 9 line) of
    Just (code, _)
      | code >= 200 -> pure (code, fields)
      | otherwise -> readHead reader
    Nothing -> throwIO Gone
  where
    needed = readLine reader >>= maybe (throwIO Gone) pure
    readFields = do
      line <- needed
      if B.null line
        then pure []
        else do
          let (name, value) = C.break (== ':') line
          ((name, C.dropWhile isBlank (fst (C.spanEnd isBlank (B.drop 1 value)))) :) <$> readFields
    isBlank c = c == ' ' || c == '\t'

readChunks :: Reader -> IO [ByteString]
readChunks reader = do
  line <- readLine reader
  let digits = maybe "" (C.takeWhile isHexDigit) line
      size = C.foldl' (\n d -> n * 16 + digitToInt d) 0 digits
  case size of
    _ | B.null digits -> throwIO Gone
    0 -> [] <$ trailers
    _ -> do
      piece <- readExactly reader size
      _ <- readLine reader
      (piece :) <$> readChunks reader
  where
    trailers = readLine reader >>= maybe (throwIO Gone) (\line -> unless (B.null line) trailers)
