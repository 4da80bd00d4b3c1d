{-# LANGUAGE OverloadedStrings #-}

-- |
-- One @main@ for a shell, for a shim and for AWS Lambda's Runtime API:
--
-- > import qualified AWS.Lambda.Run as Lambda
-- >
-- > main :: IO ()
-- > main = Lambda.run (\_context event -> pure event)
--
-- Built once, the program
--
-- * answers stdin in a shell: @echo '{"a": 1}' | ./main@;
-- * is driven by a shim, one process an event or, with @process = "persistent"@, for ever;
-- * is a client of the Runtime API itself with @process = "native"@: as @bootstrap@, with nothing in between.
--
-- Which of them is told by the environment. The event and the answer are bytes, JSON as a rule, and never parsed here.
-- Whatever the handler prints on stdout is log, in every case: the answer is what it returns.
module AWS.Lambda.Run
  ( run,
    runWith,
    runAnswers,
    Answer (..),
    Head (..),
    page,
    Failure (..),
    failWith,
    Context (..),
    remainingMs,
  )
where

import AWS.Lambda.Run.Answer
import AWS.Lambda.Run.Api (failInit, serve)
import AWS.Lambda.Run.Context
import AWS.Lambda.Run.Descriptor
import qualified AWS.Lambda.Run.Envelope as Envelope
import AWS.Lambda.Run.Error
import AWS.Lambda.Run.Frames (frames)
import AWS.Lambda.Run.Limit (answerLimit, streamLimit)
import AWS.Lambda.Run.Log (logFailure, logInfo)
import Control.Concurrent.MVar (newMVar, swapMVar, withMVar)
import Control.Exception
  ( IOException,
    SomeAsyncException (..),
    SomeException,
    catch,
    evaluate,
    finally,
    fromException,
    try,
    tryJust,
  )
import Control.Monad (unless, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.IORef
import GHC.IO.Encoding (getLocaleEncoding, setFileSystemEncoding, setForeignEncoding, setLocaleEncoding)
import System.Environment (lookupEnv)
import System.Exit (exitFailure)
import System.IO

-- | Answer events with the handler: one in a shell, and all that come on Lambda.
--
-- An exception of the handler is the event's error, by the name of its type, or as 'failWith' says: the program lives on,
-- except in a shell and per event, where it ends with exit code 1. An asynchronous exception (a stack overflow, a kill, a
-- linked thread's end) is the event's error, too, and then ends the program, but not where several events are answered at
-- once: the others go on.
--
-- Shortly before its deadline an event is given up. Under a shim the program is killed then, whatever it does. As a client
-- of the Runtime API the handler gets an asynchronous exception, as from 'System.Timeout.timeout', and the program lives
-- on; one that masks exceptions is answered for, and the program ended, or, where several events are answered at once, nobody gets
-- what it gives later. A handler that waits in an unsafe foreign call (or without @-threaded@ in any, as that for the end of another program) or
-- runs in a loop that allocates nothing (unless compiled with @-fno-omit-yields@) is ended by Lambda itself instead.
--
-- Where Lambda sends several events at once (@AWS_LAMBDA_MAX_CONCURRENCY@), as many green threads answer them, and
-- @_X_AMZN_TRACE_ID@ is not set: it stands in the 'Context'.
--
-- The answer should be JSON. The shims make a JSON string of any other, and an empty one is an error in every way but a
-- shell; as a client of the Runtime API, what is no JSON goes out as it is.
run :: (Context -> ByteString -> IO ByteString) -> IO ()
run handler = runWith (pure ()) (const handler)

-- | 'run' with what is made once, at the start: connections, settings. When that throws, it is an init error.
--
-- It is the way into every other monad, too:
--
-- > main = runWith openPool (\pool context event -> runReaderT (answer context event) pool)
runWith :: IO env -> (env -> Context -> ByteString -> IO ByteString) -> IO ()
runWith begin made = runAnswers begin (\env context event -> Whole <$> made env context event)

-- | 'runWith' for answers that may be streams, see "AWS.Lambda.Run.Answer". As a client of the Runtime API a failure after
-- the first piece goes out as trailers.
runAnswers :: IO env -> (env -> Context -> ByteString -> IO Answer) -> IO ()
runAnswers begin made = do
  openStandard
  speakUtf8
  out <- takeOver 1 2 -- the handler's own prints go to stderr
  hSetBuffering stdout LineBuffering
  constants <- environmentContext
  way <- lookupEnv "LAMBDA_SHIM_PROCESS"
  -- Whoever reads stdin, at the start or in the handler, would take the next event's bytes.
  let persistent = way == Just "persistent"
  taken <- if persistent then Just <$> (openNothing >>= takeOver 0) else pure Nothing
  api <- lookupEnv "AWS_LAMBDA_RUNTIME_API"
  input <- lookupEnv "LAMBDA_SHIM_INPUT"
  response <- lookupEnv "LAMBDA_SHIM_RESPONSE"
  let opened = if input == Just "envelope" then Envelope.open else (,)
      native = maybe False (const (way /= Just "persistent" && way /= Just "per-event")) api
  begun <- try begin
  env <- case begun of
    Right env -> pure env
    Left problem -> do
      failure <- failureOf problem
      if native || persistent then logFailure constants failure else C.hPutStrLn stderr (failureText failure)
      if native then mapM_ (`failInit` failure) api else pure ()
      exitFailure
  let handler = made env
      guarded context event write = attempt write (uncurry handler (opened context event))
      limit = if response `elem` [Just "stream", Just "prelude"] then streamLimit else answerLimit
      shown = if response == Just "prelude" then prelude else const B.empty -- of heads: who asked for none has no place for one
  case (taken, way, api) of
    (Just from, _, _) -> frames from out shown limit (\request event write -> let context = withRequest constants request in guarded context event write >>= withPlaces context)
    (_, Just "per-event", _) -> once out shown (guarded constants)
    (_, _, Just location) -> serve location constants (\context event write -> attempt write (handler context event))
    (_, _, Nothing) -> once out shown (guarded constants)
  where
    withRequest constants request = constants {requestId = request}
    -- A frame has no room for a call stack.
    withPlaces context result = result <$ either (logPlaces context . errorTrace) (const (pure ())) result
    logPlaces context places = unless (null places) (logInfo context (C.intercalate "; " (take 10 places)))

-- | Lambda itself names a locale that its system does not have, and GHC takes ASCII then, in which a program dies at the first other
-- character. Whatever else was set stays.
speakUtf8 :: IO ()
speakUtf8 = do
  whole <- getLocaleEncoding
  when (isAscii whole) $ do
    names <- mkTextEncoding "UTF-8//ROUNDTRIP"
    setLocaleEncoding utf8 >> setFileSystemEncoding names >> setForeignEncoding names
    mapM_ (quietly . turn) [stdin, stdout, stderr]
  where
    turn handle = hGetEncoding handle >>= mapM_ (\old -> when (isAscii old) (hSetEncoding handle utf8))
    isAscii encoding = show encoding `elem` ["ANSI_X3.4-1968", "ASCII", "US-ASCII"]

-- | The handle may be closed.
quietly :: IO () -> IO ()
quietly action = action `catch` \problem -> const (pure ()) (problem :: IOException)

-- | Takes a piece of a stream.
type Write = Head -> ByteString -> IO ()

-- | The answer, or why there is none; 'Nothing' when all of it was written. An answer that is no stream is whole before
-- anything is sent.
attempt :: Write -> IO Answer -> IO (Either Failure (Maybe ByteString))
attempt write action = (catching (action >>= given) >>= either (fmap Left . failureOf) (pure . Right)) `finally` quietly (hFlush stdout)
  where
    given (Whole bytes) = Just <$> evaluate bytes
    given (Streamed start body) = do
      open <- newMVar True
      -- One piece after the other, and none behind the end: it would stand in another answer.
      let writer piece = withMVar open $ \is -> if is then write start piece else ioError (userError "the answer has ended")
      (body writer >> writer B.empty) `finally` swapMVar open False
      pure Nothing

-- | Asynchronous exceptions are not the handler's.
catching :: IO a -> IO (Either SomeException a)
catching = tryJust $ \problem -> case fromException problem of
  Just (SomeAsyncException _) -> Nothing
  Nothing -> Just problem

-- | All of stdin is the event.
once :: Descriptor -> (Head -> ByteString) -> (ByteString -> Write -> IO (Either Failure (Maybe ByteString))) -> IO ()
once out shown handler = do
  event <- B.concat <$> pieces
  first <- newIORef True
  let write start piece = do
        before <- atomicModifyIORef' first (\is -> (False, if is then shown start else B.empty))
        writeAll out before piece
  handler event write >>= either complain (mapM_ (writeAll out B.empty))
  where
    -- By the handle: a wait that Ctrl-C ends.
    pieces = B.hGetSome stdin 65536 >>= \piece -> if B.null piece then pure [] else (piece :) <$> pieces
    complain failure = C.hPutStrLn stderr (failureText failure) >> exitFailure

-- | For people, on stderr.
failureText :: Failure -> ByteString
failureText failure = C.intercalate "\n  " (C.concat [errorName failure, ": ", errorMessage failure] : errorTrace failure)
