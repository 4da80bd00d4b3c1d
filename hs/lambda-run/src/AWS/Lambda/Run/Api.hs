{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | AWS Lambda's Runtime API, over one kept HTTP/1.1 connection.
module AWS.Lambda.Run.Api (failInit, serve) where

import AWS.Lambda.Run.Answer (Head (..), prelude)
import AWS.Lambda.Run.Base64 (encode)
import AWS.Lambda.Run.Context (Context (..), date, newVariable, remainingMs)
import AWS.Lambda.Run.Deadline (Watch, before, newWatch)
import AWS.Lambda.Run.Error (Failure (..), failureOf, headerName)
import AWS.Lambda.Run.Http
import AWS.Lambda.Run.Limit (answerLimit, tooLarge)
import AWS.Lambda.Run.Log (Level (..), logAt, logFailure)
import AWS.Lambda.Run.Quote (quote)
import AWS.Lambda.Run.Reader (Gone (..))
import Control.Concurrent (forkFinally, newEmptyMVar, putMVar, takeMVar)
import Control.Exception (Handler (..), IOException, SomeException, catches, evaluate, fromException, mask, onException, throwIO, try, uninterruptibleMask_)
import Control.Monad (forever, replicateM_, unless, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.Char (isAsciiLower, isAsciiUpper, isDigit)
import Data.IORef
import Data.List (intersperse)
import Data.Maybe (isJust)
import Foreign.C.Types (CInt (..))
import System.Environment (lookupEnv)
import Text.Read (readMaybe)

-- | Answers one event: 'Left' for one that failed, 'Just' bytes, or 'Nothing' when all has gone to the writer.
type Answering = Context -> ByteString -> (Head -> ByteString -> IO ()) -> IO (Either Failure (Maybe ByteString))

-- | Serve the API at @host:port@ for ever, as many events at once as Lambda sends. A handler that has not answered shortly
-- before the deadline is ended by an exception, and the event fails. What is thrown at a thread is its handler's, or comes
-- while no event is there: it tears no answer.
serve :: String -> Context -> Answering -> IO ()
serve location constants handler = mask $ \restore -> serveMasked location constants (\context event -> restore . handler context event)

serveMasked :: String -> Context -> Answering -> IO ()
serveMasked location constants handler = do
  several <- maybe 1 id . (>>= readMaybe) <$> lookupEnv "AWS_LAMBDA_MAX_CONCURRENCY"
  if several < (2 :: Int)
    then newVariable "_X_AMZN_TRACE_ID" >>= \set -> serveAlone location (Crew id id set (const (pure False))) constants handler
    else do
      logAt Info constants [] marker
      ended <- newEmptyMVar
      stuck <- newIORef 0
      let crew = Crew lasting askAhead (const (pure ())) $ \more -> atomicModifyIORef' stuck (\old -> (old + more, old + more < several))
      replicateM_ several $ forkFinally (lasting (serveAlone location crew constants handler)) (putMVar ended)
      takeMVar ended >>= either throwIO pure -- when one goes, all go

-- | What is different where several events are answered at once.
data Crew = Crew
  { waiting :: IO Reply -> IO Reply,
    asking :: Api -> Api,
    setTrace :: Maybe ByteString -> IO (),
    -- | One more, or one fewer, whose handler cannot be interrupted: are others left?
    othersLeft :: Int -> IO Bool
  }

-- | Whatever is thrown, but for the end of the API. What was thrown at one thread is no matter of the others, whose events are
-- under way; nor of the next event, which may be on its way already.
lasting :: IO a -> IO a
lasting action = try action >>= either again pure
  where
    again problem
      | Just failure <- fromException problem = throwIO (failure :: IOException)
      | Just Gone <- fromException problem = throwIO Gone
      | otherwise = lasting action

-- | The bootstrap looks for this text in the program: with it, one process is enough for several events at once.
marker :: ByteString
marker = "lambda-run serves several events at once"
{-# NOINLINE marker #-}

-- | Tell the API that the program cannot start.
failInit :: String -> Failure -> IO ()
failInit location failure = do
  api <- newApi location
  _ <- post api "init/error" [errorType failure] (errorDocument failure)
  hangUp api

errorType :: Failure -> (ByteString, ByteString)
errorType failure = ("Lambda-Runtime-Function-Error-Type", headerName (errorName failure))

-- | One event after the other.
serveAlone :: String -> Crew -> Context -> Answering -> IO ()
serveAlone location crew constants handler = do
  api <- asking crew <$> newApi location
  watch <- newWatch
  flip onException (hangUp api) . forever $ do
    reply <- waiting crew (next api)
    -- For good: Lambda wants us to go, and asking again would spin.
    unless (replyStatus reply == 200) . giveUp $ "answered GET next with " ++ show (replyStatus reply)
    let context = contextOf constants (replyHeaders reply)
        path = "invocation/" <> requestId context
        invocation = [("Lambda-Runtime-Invocation-Id", value) | Just value <- [header "lambda-runtime-invocation-id" (replyHeaders reply)]]
    unless (isUsable (requestId context)) $ giveUp "sent an event without a usable request id"
    setTrace crew (traceId context)
    stream <- newStream api (path <> "/response") invocation
    let complain to failure = do
          logFailure context failure
          post to (path <> "/error") (errorType failure : invocation) (errorDocument failure)
        -- The handler cannot be interrupted: answer for it by another connection, and end the program where nobody else works on.
        end = do
          untouched <- shut stream
          other <- newApi location
          answered <- try (timedOut context >>= complain other) :: IO (Either SomeException Reply)
          others <- othersLeft crew 1
          unless (untouched && others && either (const False) (const True) answered) (c_exit 1)
          hangUp other
        late = do
          logAt Warn context [] "lambda-run: the handler has ended behind its deadline; its answer is lost"
          Reply 202 [] Nothing <$ othersLeft crew (-1)
        failed to failure = do
          open <- isOpen stream
          if open then logFailure context failure >> endStream (through to stream) (Just failure) else complain to failure
    tried <- try $ case replyBody reply of
      Just event -> withDeadline watch end context (handler context event (write stream)) >>= judge context (isOpen stream)
      Nothing -> pure (Left (Failure "Runtime.TruncatedEvent" "the connection to the Runtime API broke in the middle of the event" []))
    ended <- isShut stream
    told <- uninterruptibleMask_ $ case tried of
      Right _ | ended -> late
      Right (Right (Just answer)) -> post api (path <> "/response") invocation answer
      Right (Right Nothing) -> endStream stream Nothing
      Right (Left failure) -> failed api failure
      Left problem -> do
        -- Asynchronous: the event has its answer before the program goes.
        _ <- failureOf problem >>= failed (notAhead api)
        throwIO (problem :: SomeException)
    when (replyStatus told >= 500) $ giveUp ("answered " ++ show (replyStatus told))
    when (replyStatus told >= 300) $
      logAt Warn context [] ("lambda-run: the Runtime API answered " <> C.pack (show (replyStatus told)) <> " to " <> path)
    when (replyStatus told == 0) $
      logAt Warn context [] ("lambda-run: nobody has taken the streamed answer to request " <> requestId context)
  where
    giveUp what = ioError (userError ("the Runtime API " ++ what))

-- | It becomes a piece of a path.
isUsable :: ByteString -> Bool
isUsable name = not (B.null name) && B.length name < 511 && C.all may name
  where
    -- Without Unicode's tables, which took a tenth of a small event.
    may c = isAsciiLower c || isDigit c || isAsciiUpper c || c == '-' || c == '_' || c == '.' || c == ':'

-- | A streamed answer: the request begins with its first piece.
data Stream = Stream !Api !ByteString [(ByteString, ByteString)] !(IORef Stage)

-- | 'Shut': the event has been answered otherwise.
data Stage = Untouched | Open | Shut deriving (Eq)

newStream :: Api -> ByteString -> [(ByteString, ByteString)] -> IO Stream
newStream api path fields = Stream api path fields <$> newIORef Untouched

-- | The same stream, by that view of its connection.
through :: Api -> Stream -> Stream
through api (Stream _ path fields stage) = Stream api path fields stage

isOpen :: Stream -> IO Bool
isOpen (Stream _ _ _ stage) = (== Open) <$> readIORef stage

isShut :: Stream -> IO Bool
isShut (Stream _ _ _ stage) = (== Shut) <$> readIORef stage

-- | Let nothing go out any more; False where something has.
shut :: Stream -> IO Bool
shut (Stream _ _ _ stage) = atomicModifyIORef' stage (\old -> if old == Open then (Open, False) else (Shut, True))

-- | An empty piece opens a stream that has a head, and is nothing else.
write :: Stream -> Head -> ByteString -> IO ()
write stream@(Stream api path fields stage) start piece = do
  begun <- isOpen stream
  unless (B.null piece && (begun || start == Bytes)) $ do
    first <- if begun then pure piece else evaluate (prelude start <> piece) -- whose failure is no torn piece
    late <- atomicModifyIORef' stage (\old -> if old == Shut then (Shut, True) else (Open, False))
    when late $ ioError (userError "the answer has ended")
    if begun then sendChunk api piece else beginChunks api path (fields ++ about) first
  where
    about =
      [ ("Content-Type", if start == Bytes then "application/octet-stream" else "application/vnd.awslambda.http-integration-response"),
        ("Lambda-Runtime-Function-Response-Mode", "streaming"),
        ("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
      ]

-- | The end of what went out, with the failure as trailers. Who failed in the middle of a piece, for want of a reader as a rule,
-- does not wait for one: the API sees the connection break.
endStream :: Stream -> Maybe Failure -> IO Reply
endStream (Stream api _ _ _) failure = do
  torn <- isTorn api
  if torn && isJust failure then untaken else endChunks api (maybe [] trailers failure) `catches` [Handler (\Gone -> untaken), Handler (\problem -> ignore problem >> untaken)]
  where
    untaken = Reply 0 [] Nothing <$ hangUp api
    trailers why = [errorType why, ("Lambda-Runtime-Function-Error-Body", encode (errorDocument why))]

-- | What is sent of the handler's result; 'Nothing': it had none in time.
judge :: Context -> IO Bool -> Maybe (Either Failure (Maybe ByteString)) -> IO (Either Failure (Maybe ByteString))
judge context streamed result = case result of
  Just (Left failure) -> pure (Left failure)
  Just (Right Nothing) -> (\open -> if open then Right Nothing else Left silence) <$> streamed
  Just (Right (Just answer))
    | B.null answer -> pure (Left silence)
    | B.length answer > answerLimit -> pure (Left (tooLarge answerLimit))
    | otherwise -> pure (Right (Just answer))
  Nothing -> Left <$> timedOut context
  where
    silence = Failure "Function.NoResponse" "the handler gave an empty answer; one with nothing to say gives null" []

timedOut :: Context -> IO Failure
timedOut context = do
  deadline <- maybe (pure "") date (deadlineMs context)
  pure (Failure "Function.Timeout" (B.concat ["the handler had not answered shortly before the deadline ", deadline, " of request ", requestId context]) [])

-- | The action, ended a little before the deadline; @end@ is done closer to it when nothing else ends it.
withDeadline :: Watch -> IO () -> Context -> IO a -> IO (Maybe a)
withDeadline watch end context action = do
  left <- remainingMs context
  case (deadlineMs context, fromIntegral <$> left) of
    (Just deadline, Just ms)
      | ms > 0 ->
        let grace = min 300 (ms `div` 4) in before watch (deadline - grace) (deadline - grace `div` 3, end) action
    _ -> Just <$> action

errorDocument :: Failure -> ByteString
errorDocument failure =
  L.toStrict . Builder.toLazyByteString $
    "{\"errorMessage\":" <> quote (errorMessage failure) <> ",\"errorType\":" <> quote (errorName failure) <> ",\"stackTrace\":[" <> mconcat (intersperse "," (map quote (errorTrace failure))) <> "]}"

contextOf :: Context -> [(ByteString, ByteString)] -> Context
contextOf constants fields =
  constants
    { requestId = maybe B.empty id (field "lambda-runtime-aws-request-id"),
      deadlineMs = field "lambda-runtime-deadline-ms" >>= wholeNumber,
      invokedFunctionArn = field "lambda-runtime-invoked-function-arn",
      traceId = field "lambda-runtime-trace-id",
      clientContext = field "lambda-runtime-client-context",
      identity = field "lambda-runtime-cognito-identity",
      tenantId = field "lambda-runtime-aws-tenant-id"
    }
  where
    field name = header name fields
    wholeNumber text = case C.span isDigit text of
      (digits, _) | B.length digits > 0 && B.length digits < 19 -> Just (B.foldl' (\n c -> n * 10 + fromIntegral c - 48) 0 digits)
      _ -> Nothing

foreign import ccall unsafe "_exit" c_exit :: CInt -> IO ()
