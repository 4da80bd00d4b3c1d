{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | AWS Lambda's Runtime API, over one kept HTTP/1.1 connection.
module AWS.Lambda.Run.Api (failInit, serve) where

import Control.Concurrent (forkFinally, newEmptyMVar, putMVar, takeMVar, threadDelay)
import Control.Exception (Handler (..), IOException, SomeException, catch, catches, throwIO, try)
import Control.Monad (forever, replicateM_, unless, void, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import qualified Data.ByteString.Unsafe as B
import Data.Char (digitToInt, isHexDigit)
import Data.IORef
import Data.Int (Int64)
import Data.List (find, intersperse)
import Data.Maybe (isJust)
import Data.Word (Word8)
import Foreign.C.String (CString)
import Foreign.C.Types (CInt (..), CSize (..))
import AWS.Lambda.Run.Context (Context (..), date, nowMs, remainingMs, setVariable)
import AWS.Lambda.Run.Deadline (Watch, before, newWatch)
import AWS.Lambda.Run.Descriptor
import AWS.Lambda.Run.Error (Failure (..), failureOf, headerName)
import System.Environment (lookupEnv)
import System.IO (stderr)
import System.IO.Unsafe (unsafeDupablePerformIO)
import Text.Read (readMaybe)

-- | The connection, made when it is needed.
data Api = Api {host :: !ByteString, address :: [Word8], port :: !Int, connection :: IORef (Maybe (Descriptor, Reader))}

-- | 'body' is 'Nothing' when the connection broke in the middle of it.
data Reply = Reply {status :: !Int, headers :: [(ByteString, ByteString)], body :: !(Maybe ByteString)}

-- | Serve the API at @host:port@ for ever, as many events at once as Lambda sends. The handler gives 'Left' for an event
-- that fails; one that has not answered shortly before the deadline is ended by an exception, and the event fails.
serve :: String -> Context -> (Context -> ByteString -> IO (Either Failure ByteString)) -> IO ()
serve location constants handler = do
  several <- maybe 1 id . (>>= readMaybe) <$> lookupEnv "AWS_LAMBDA_MAX_CONCURRENCY"
  if several < (2 :: Int)
    then serveAlone location constants (setVariable "_X_AMZN_TRACE_ID") handler
    else do
      note "" marker
      ended <- newEmptyMVar
      replicateM_ several $ forkFinally (serveAlone location constants (const (pure ())) handler) (putMVar ended)
      takeMVar ended >>= either throwIO pure -- when one goes, all go

-- | The bootstrap looks for this text in the program: with it, one process is enough for several events at once.
marker :: ByteString
marker = "lambda-run serves several events at once"
{-# NOINLINE marker #-}

-- | Tell the API that the program cannot start.
failInit :: String -> Failure -> IO ()
failInit location failure = do
  api <- newApi location
  _ <- request api "POST" "init/error" [errorType failure] (described failure)
  hangUp api

errorType :: Failure -> (ByteString, ByteString)
errorType failure = ("Lambda-Runtime-Function-Error-Type", headerName (errorName failure))

-- | A line in the log, where there is one.
note :: ByteString -> ByteString -> IO ()
note text bytes = C.hPutStrLn stderr (B.concat ["lambda-run: ", text, bytes]) `catch` ignored

-- | One event after the other.
serveAlone :: String -> Context -> (Maybe ByteString -> IO ()) -> (Context -> ByteString -> IO (Either Failure ByteString)) -> IO ()
serveAlone location constants setTrace handler = do
  api <- newApi location
  watch <- newWatch
  forever $ do
    reply <- request api "GET" "invocation/next" [] B.empty
    -- For good: Lambda wants us to go, and asking again would spin.
    unless (status reply == 200) . giveUp $ "answered GET next with " ++ show (status reply)
    let context = contextOf constants (headers reply)
        path = "invocation/" <> requestId context
    when (B.null (requestId context)) $ giveUp "sent an event without a request id"
    setTrace (traceId context)
    let invocation = [("Lambda-Runtime-Invocation-Id", value) | Just value <- [header "lambda-runtime-invocation-id" (headers reply)]]
        complain to failure = do
          note (errorName failure <> ": ") (errorMessage failure)
          request to "POST" (path <> "/error") (errorType failure : invocation) (described failure)
        -- The handler cannot be interrupted: answer for it by another connection, and end the program.
        end = do
          other <- newApi location
          failure <- timedOut context
          void (complain other failure) `catch` ignored
          c_exit 1
    tried <- try $ case body reply of
      Just event -> limited watch end context (handler context event) >>= judged context
      Nothing -> pure (Left (Failure "Runtime.TruncatedEvent" "the connection to the Runtime API broke in the middle of the event" []))
    verdict <- case tried of
      Right (Right answer) -> request api "POST" (path <> "/response") invocation answer
      Right (Left failure) -> complain api failure
      Left problem -> do
        -- Asynchronous: the event has its answer before the program goes.
        _ <- failureOf problem >>= complain api
        throwIO (problem :: SomeException)
    when (status verdict >= 500) $ giveUp ("answered " ++ show (status verdict))
    when (status verdict >= 300) $ note (C.pack ("the Runtime API answered " ++ show (status verdict) ++ " to ")) path
  where
    giveUp what = ioError (userError ("the Runtime API " ++ what))

-- | What is sent of the handler's result; 'Nothing': it had none in time.
judged :: Context -> Maybe (Either Failure ByteString) -> IO (Either Failure ByteString)
judged context result = case result of
  Just (Left failure) -> pure (Left failure)
  Just (Right answer)
    | B.null answer -> pure (Left (Failure "Function.NoResponse" "the handler gave an empty answer; one with nothing to say gives null" []))
    | B.length answer > answerLimit -> pure (Left (Failure "Function.ResponseSizeTooLarge" tooLarge []))
    | otherwise -> pure (Right answer)
  Nothing -> Left <$> timedOut context
  where
    answerLimit = 6291556 -- bytes: Lambda's limit
    tooLarge = "the answer is above " <> C.pack (show answerLimit) <> " bytes, Lambda's limit; leave it in S3"

timedOut :: Context -> IO Failure
timedOut context = do
  deadline <- maybe (pure "") date (deadlineMs context)
  pure (Failure "Function.Timeout" (B.concat ["the handler had not answered shortly before the deadline ", deadline, " of request ", requestId context]) [])

-- | The action, ended a little before the deadline; @end@ is done closer to it when nothing else ends it.
limited :: Watch -> IO () -> Context -> IO a -> IO (Maybe a)
limited watch end context action = do
  left <- remainingMs context
  case (deadlineMs context, fromIntegral <$> left) of
    (Just deadline, Just ms) | ms > 0 ->
        let grace = min 300 (ms `div` 4) in before watch (deadline - grace) (deadline - grace `div` 3, end) action
    _ -> Just <$> action

described :: Failure -> ByteString
described failure =
  L.toStrict . Builder.toLazyByteString $
    "{\"errorMessage\":" <> quoted (errorMessage failure) <> ",\"errorType\":" <> quoted (errorName failure) <> ",\"stackTrace\":[" <> mconcat (intersperse "," (map quoted (errorTrace failure))) <> "]}"

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
    , tenantId = field "lambda-runtime-aws-tenant-id"
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

foreign import ccall unsafe "_exit" c_exit :: CInt -> IO ()

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
