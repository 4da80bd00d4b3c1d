-- | Ends an action when its time is up. One thread watches over all events, where 'System.Timeout.timeout' starts one for
-- each: that would be a tenth of what a small event costs.
module Lambda.Deadline
  ( Watch
  , newWatch
  , before
  ) where

import Control.Concurrent (ThreadId, forkIO, mkWeakThreadId, myThreadId, threadDelay)
import Control.Concurrent.MVar
import Control.Exception
import Control.Monad (unless, void, when)
import Data.IORef
import Data.Int (Int64)
import Lambda.Context (nowMs)
import System.Mem.Weak (Weak, deRefWeak)

-- | Times in milliseconds since 1970.
data Plan = Plan
  { due :: !Int64
  -- ^ When the action is to end; 'never' when there is none, or it was told already.
  , looks :: !Int64
  -- ^ When the watching thread looks next; 'never' when there is no such thread.
  }

-- | Watches over the actions of the thread that made it, and does not keep it alive: one that waits for nobody is told so.
data Watch = Watch !(Weak ThreadId) !(IORef Plan) !(MVar ())

data TimeUp = TimeUp
  deriving (Show)

instance Exception TimeUp where
  toException = asyncExceptionToException
  fromException = asyncExceptionFromException

never :: Int64
never = maxBound

newWatch :: IO Watch
newWatch = Watch <$> (myThreadId >>= mkWeakThreadId) <*> newIORef (Plan never never) <*> newEmptyMVar

-- | What the action gives; 'Nothing' when an asynchronous exception ended it, because the time had come.
before :: Watch -> Int64 -> IO a -> IO (Maybe a)
before watch@(Watch _ plan told) time action = mask $ \restore -> do
  now <- nowMs
  -- A look that should have been is that of a thread which slept through a freeze: it comes too late.
  watched <- atomicModifyIORef' plan $ \old ->
    let good = looks old >= now && looks old <= time
     in (Plan time (if good then looks old else time), good)
  unless watched . void $ forkIO (look watch time)
  result <- try (restore action)
  inTime <- atomicModifyIORef' plan $ \old -> (old {due = never}, due old /= never)
  unless inTime settle
  case result of
    Right value -> pure (Just value)
    Left problem
      | Just TimeUp <- fromException problem -> pure Nothing
      | otherwise -> throwIO (problem :: SomeException)
  where
    -- The exception is on its way, or was here: it must not meet whatever comes next.
    settle = takeMVar told `catch` \TimeUp -> settle

-- | Look at that time, and again whenever an action is due, until there is none.
look :: Watch -> Int64 -> IO ()
look watch@(Watch owner plan told) time = do
  sleepUntil
  now <- nowMs
  (late, next) <- atomicModifyIORef' plan $ \old -> case old of
    _ | looks old /= time -> (old, (False, never)) -- another thread looks
    _ | due old <= now -> (Plan never never, (True, never))
    _ -> (old {looks = due old}, (False, due old))
  when late $ deRefWeak owner >>= mapM_ (`throwTo` TimeUp) >> putMVar told ()
  unless (next == never) $ look watch next
  where
    sleepUntil = do
      now <- nowMs
      when (now < time) $ threadDelay (fromIntegral (time - now) * 1000) >> sleepUntil
