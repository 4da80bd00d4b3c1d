{-# LANGUAGE OverloadedStrings #-}

-- | AWS Lambda's Runtime API, over one kept HTTP/1.1 connection.
module Lambda.Api (serve) where

import Control.Concurrent (threadDelay)
import Control.Exception (IOException, catch, throwIO, try)
import Control.Monad (forever, unless)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.Char (isHexDigit, digitToInt, toLower)
import Data.IORef
import Data.Int (Int64)
import Data.Word (Word8)
import Lambda.Context (Context (..), nowMs, remainingMs)
import Lambda.Descriptor
import System.Timeout (timeout)
import Text.Read (readMaybe)

-- | The connection, made when it is needed.
data Api = Api {host :: !ByteString, address :: [Word8], port :: !Int, connection :: IORef (Maybe (Descriptor, Reader))}

data Reply = Reply {status :: !Int, headers :: [(ByteString, ByteString)], body :: !ByteString}

-- | Serve the API at @host:port@ for ever. The handler gives 'Left' and a message for an event that fails; one that
-- has not answered shortly before the deadline is ended by an exception, and the event fails.
serve :: String -> Context -> (Context -> ByteString -> IO (Either ByteString ByteString)) -> IO ()
serve location constants handler = do
  api <- newApi location
  forever $ do
    reply <- request api "GET" "invocation/next" [] B.empty
    unless (status reply == 200) $
      -- For good: Lambda wants us to go, and asking again would spin.
      ioError (userError ("the Runtime API answered GET next with " ++ show (status reply)))
    let context = contextOf constants (headers reply)
        path = "invocation/" <> requestId context
    result <- limited context (handler context (body reply))
    _ <- case result of
      Just (Right answer) -> request api "POST" (path <> "/response") [] answer
      Just (Left message) -> failed api path "Function.HandlerError" message
      Nothing -> failed api path "Function.Timeout" "the handler had not answered shortly before the deadline"
    pure ()

-- | The action, ended a little before the deadline.
limited :: Context -> IO a -> IO (Maybe a)
limited context action = do
  left <- remainingMs context
  case left of
    Just ms | ms > 0 -> timeout (1000 * (ms - min 300 (ms `div` 4))) action
    _ -> Just <$> action

failed :: Api -> ByteString -> ByteString -> ByteString -> IO Reply
failed api path kind message =
  request api "POST" (path <> "/error") [("Lambda-Runtime-Function-Error-Type", kind)] . L.toStrict . Builder.toLazyByteString $
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
    , deadlineMs = field "lambda-runtime-deadline-ms" >>= C.readInteger >>= Just . fromInteger . fst
    , invokedFunctionArn = field "lambda-runtime-invoked-function-arn"
    , traceId = field "lambda-runtime-trace-id"
    , clientContext = field "lambda-runtime-client-context"
    , identity = field "lambda-runtime-cognito-identity"
    }
  where
    field name = lookup name fields

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
      writeAll descriptor requestHead content `catch` ignoreBroken -- it may have said why before it hung up
      reply <- readReply reader
      unless (keepsOpen reply) (hangUp api)
      pure reply
    retry again Gone = do
      hangUp api
      if again > 0 then attempt (again - 1) else throwIO Gone
    ignoreBroken :: IOException -> IO ()
    ignoreBroken _ = pure ()
    requestHead =
      B.concat $
        [method, " /2018-06-01/runtime/", path, " HTTP/1.1\r\nHost: ", host api, "\r\n"]
          ++ concat [[name, ": ", value, "\r\n"] | (name, value) <- more]
          ++ ["Content-Length: " <> C.pack (show (B.length content)) <> "\r\n" | method /= "GET"]
          ++ ["\r\n"]

keepsOpen :: Reply -> Bool
keepsOpen reply = C.map toLower (maybe "" id (lookup "connection" (headers reply))) /= "close"

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
  (code, fields) <- readHead reader
  let field name = lookup name fields
      chunked = maybe False ((== "chunked") . C.map toLower) (field "transfer-encoding")
  content <- case field "content-length" >>= C.readInt of
    _ | chunked -> B.concat <$> readChunks reader
    Just (size, _) -> readExactly reader size
    Nothing | code == 204 -> pure B.empty
    Nothing -> readAll reader
  pure (Reply code fields content)

-- | Status and headers, names in lower case; what comes before the final reply (1xx) is passed over.
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
    needed = either throwIO pure . maybe (Left Gone) Right =<< (readLine reader `catch` broken)
    broken :: IOException -> IO (Maybe ByteString)
    broken _ = pure Nothing
    readFields = do
      line <- needed
      if B.null line
        then pure []
        else do
          let (name, value) = C.break (== ':') line
          ((C.map toLower name, C.dropWhile (== ' ') (stripEnd (B.drop 1 value))) :) <$> readFields
    stripEnd = fst . C.spanEnd (`elem` (" \t" :: String))

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
