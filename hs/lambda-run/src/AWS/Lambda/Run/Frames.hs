{-# LANGUAGE OverloadedStrings #-}

-- | A persistent program under a shim: frames on stdin and stdout, or in shared memory.
--
-- A frame is @\<request id\> \<length\>@, a line break, and the bytes; an error has the word @error@ before the length, and
-- its name behind it. @\<request id\> \@\<offset\> \<length\>@ tells of bytes in the memory that the bootstrap shares.
module AWS.Lambda.Run.Frames (frames) where

import AWS.Lambda.Run.Answer (Head)
import AWS.Lambda.Run.Descriptor (Descriptor, writeAll)
import AWS.Lambda.Run.Error (Failure (..), failureOf)
import AWS.Lambda.Run.Limit (tooLarge)
import AWS.Lambda.Run.Memory
import AWS.Lambda.Run.Place (newPlace)
import AWS.Lambda.Run.Reader (newReader, readExactly, readLine)
import Control.Exception (SomeException, evaluate, mask, throwIO, try, uninterruptibleMask_)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.IORef
import System.Exit (exitFailure)
import System.IO (hPutStrLn, stderr)

-- | Answers a request and its event; the writer takes the pieces of a stream.
type Answering = ByteString -> ByteString -> (Head -> ByteString -> IO ()) -> IO (Either Failure (Maybe ByteString))

-- | Serve one frame after the other to the end of the input. @shown@ is what stands for a head in front of a stream; no more than
-- @limit@ bytes of an answer are kept.
-- What is thrown at this thread is the handler's, of the next event where none is there: it tears no frame.
frames :: Descriptor -> Descriptor -> (Head -> ByteString) -> Int -> Answering -> IO ()
frames from out shown limit handler = mask $ \restore -> masked from out shown limit (\request event write -> restore (handler request event write))

masked :: Descriptor -> Descriptor -> (Head -> ByteString) -> Int -> Answering -> IO ()
masked from out shown limit handler = do
  input <- newPlace >>= (`newReader` from)
  memory <- openMemory
  mapM_ (const (sayReady B.empty)) memory
  loop input memory
  where
    sayReady behind = writeAll out behind readyLine
    loop input memory = uninterruptibleMask_ (readLine input) >>= maybe (pure ()) (\line -> frame input memory (C.words line))
    frame input memory [request, size]
      | Just (bytes, "") <- C.readInt size = do
        uninterruptibleMask_ (readExactly input bytes) >>= serve memory request
        loop input memory
    frame input (Just memory) [request, place, size]
      | Just ('@', digits) <- C.uncons place,
        Just (offset, "") <- C.readInt digits,
        Just (bytes, "") <- C.readInt size = do
        event <- lendEvent memory offset bytes
        maybe noFrame (serve (Just memory) request) event
        takeBack memory
        sayReady "\n" -- a line break may follow a frame
        loop input (Just memory)
    frame _ _ _ = noFrame
    noFrame = hPutStrLn stderr "lambda-run: the shim sent no frame" >> exitFailure
    serve memory request event = do
      written <- newIORef (0, []) -- the length comes first
      result <- try (handler request event (append written))
      case result of
        Right (Right answer) -> do
          (size, pieces) <- readIORef written
          let whole = maybe (B.concat (reverse pieces)) id answer
          if max size (B.length whole) > limit then complain request (tooLarge limit) else give memory request whole
        Right (Left failure) -> complain request failure
        Left problem -> do
          -- Asynchronous: the event has its answer before the program goes.
          failureOf problem >>= complain request
          throwIO (problem :: SomeException)
    append written start piece = do
      (size, old) <- readIORef written
      new <- mapM evaluate (piece : [shown start | null old])
      let now = size + sum (map B.length new)
      if now > limit
        then writeIORef written (now, [B.empty]) >> throwIO (tooLarge limit)
        else writeIORef written (now, new ++ old)
    give (Just memory) request answer
      | B.length answer >= least = placeAnswer memory answer >>= maybe (send request " " "" answer) (told request answer)
    give _ request answer = send request " " "" answer
    told request answer offset = uninterruptibleMask_ $ writeAll out (B.concat [request, " @", shownInt offset, " ", shownInt (B.length answer), "\n"]) B.empty
    complain request failure = send request " error " (" " <> errorName failure) (errorMessage failure)
    send request word kind answer = uninterruptibleMask_ $ writeAll out (B.concat [request, word, shownInt (B.length answer), kind, "\n"]) answer
    shownInt = C.pack . show
    least = 65536 -- bytes: smaller ones cost no more in the pipe
