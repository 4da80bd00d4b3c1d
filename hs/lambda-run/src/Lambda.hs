{-# LANGUAGE OverloadedStrings #-}

-- |
-- One @main@ for a shell, for a shim and for AWS Lambda's Runtime API:
--
-- > import qualified Lambda
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
module Lambda
  ( run
  , Context (..)
  , remainingMs
  ) where

import Control.Exception
  ( IOException
  , SomeAsyncException (..)
  , SomeException
  , catch
  , displayException
  , evaluate
  , fromException
  , tryJust
  )
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Lambda.Api (serve)
import Lambda.Context
import Lambda.Descriptor
import qualified Lambda.Envelope as Envelope
import System.Environment (lookupEnv)
import System.Exit (exitFailure)
import System.IO

-- | Answer events with the handler: one in a shell, and all that come on Lambda.
--
-- An exception of the handler is the event's error, with 'displayException' as its message: the program lives on, except
-- in a shell and per event, where it ends with exit code 1. Asynchronous exceptions (out of memory, a kill) end it.
--
-- Shortly before its deadline an event is given up. Under a shim the program is killed then, whatever it does. As a client
-- of the Runtime API the handler gets an asynchronous exception, as from 'System.Timeout.timeout', and the program lives
-- on; so a handler that masks exceptions, waits in a foreign call, or runs in a loop that allocates nothing (unless
-- compiled with @-fno-omit-yields@) is ended by Lambda itself instead, and the program with it.
--
-- The answer should be JSON. The shims make a JSON string of any other, and an empty one is an error in every way but a
-- shell; as a client of the Runtime API, what is no JSON goes out as it is.
run :: (Context -> ByteString -> IO ByteString) -> IO ()
run handler = do
  out <- takeOver 1 2 -- the handler's own prints go to stderr
  hSetBuffering stdout LineBuffering
  constants <- environmentContext
  way <- lookupEnv "LAMBDA_SHIM_PROCESS"
  api <- lookupEnv "AWS_LAMBDA_RUNTIME_API"
  input <- lookupEnv "LAMBDA_SHIM_INPUT"
  let opened = if input == Just "envelope" then Envelope.open else (,)
      guarded context = attempt . uncurry handler . opened context
  case (way, api) of
    (Just "persistent", _) -> frames out (guarded . named constants)
    (Just "per-event", _) -> once out (guarded constants)
    (_, Just location) -> serve location constants (attemptIn handler)
    (_, Nothing) -> once out (guarded constants)
  where
    named constants request = constants {requestId = request}
    attemptIn f context event = attempt (f context event)

-- | The answer, or the message of the exception. Both are whole before anything is sent; the message may be as wrong as
-- the program that made it.
attempt :: IO ByteString -> IO (Either ByteString ByteString)
attempt action = (caught (action >>= evaluate) >>= either (fmap Left . message) (pure . Right)) <* flushed
  where
    message exception = either (const "an exception without a message") id <$> caught (evaluate (encoded exception))
    encoded = L.toStrict . Builder.toLazyByteString . Builder.stringUtf8 . take messageLimit . map scalar . displayException
    messageLimit = 65536 -- characters
    scalar c = if c >= '\xD800' && c <= '\xDFFF' then '\xFFFD' else c
    flushed = hFlush stdout `catch` \problem -> const (pure ()) (problem :: IOException) -- the handler may close it

-- | Asynchronous exceptions are not the handler's.
caught :: IO a -> IO (Either SomeException a)
caught = tryJust $ \problem -> case fromException problem of
  Just (SomeAsyncException _) -> Nothing
  Nothing -> Just problem

-- | All of stdin is the event.
once :: Descriptor -> (ByteString -> IO (Either ByteString ByteString)) -> IO ()
once out handler = do
  event <- B.concat <$> pieces
  handler event >>= either complain (writeAll out B.empty)
  where
    -- By the handle: a wait that Ctrl-C ends.
    pieces = B.hGetSome stdin 65536 >>= \piece -> if B.null piece then pure [] else (piece :) <$> pieces
    complain message = C.hPutStrLn stderr message >> exitFailure

-- | A frame is @\<request id\> \<length\>@, a line break, and the bytes; an error has the word @error@ before the length.
frames :: Descriptor -> (ByteString -> ByteString -> IO (Either ByteString ByteString)) -> IO ()
frames out handler = do
  nothing <- openNothing
  input <- takeOver 0 nothing >>= newReader -- a handler that reads stdin would take the next event's bytes
  loop input
  where
    loop input = readLine input >>= maybe (pure ()) (\line -> frame input (C.words line))
    frame input [request, size]
      | Just (bytes, "") <- C.readInt size = do
          event <- readExactly input bytes
          handler request event >>= either (send request " error ") (send request " ")
          loop input
    frame _ _ = hPutStrLn stderr "lambda-run: the shim sent no frame" >> exitFailure
    send request word answer = writeAll out (B.concat [request, word, C.pack (show (B.length answer)), "\n"]) answer
