-- | Ends an action when its time is up. One thread watches over all events, where 'System.Timeout.timeout' starts one for
-- each: that would be a tenth of what a small event costs.
module AWS.Lambda.Run.Deadline
  ( Watch,
    newWatch,
    before,
  )
where

import AWS.Lambda.Run.Context (nowMs)
import Control.Concurrent (ThreadId, forkIO, mkWeakThreadId, myThreadId, threadDelay)
import Control.Concurrent.MVar
import Control.Exception
import Control.Monad (unless, void, when)
import Data.IORef
import Data.Int (Int64)
import System.Mem.Weak (Weak, deRefWeak)

-- | Times in milliseconds since 1970.
data Plan = Plan
  { -- | When the action is to end; 'never' when there is none, or it was told already.
    due :: !Int64,
    -- | When the watching thread looks next; 'never' when there is no such thread.
    looks :: !Int64
  }

-- | Watches over the actions of the thread that made it, and does not keep it alive: one that waits for nobody is told so.
data Watch = Watch !(Weak ThreadId) !(IORef Plan) !(MVar ()) !(IORef Last)

-- | The number of the action under way, and what is done when nothing ends it: when, and what. Or it is being done, and then that is
-- told.
data Last = Last !Int !Int64 (IO ()) | Ending !Int !(MVar ())

data TimeUp = TimeUp
  deriving (Show)

instance Exception TimeUp where
  toException = asyncExceptionToException
  fromException = asyncExceptionFromException

numberOf :: Last -> Int
numberOf (Last number _ _) = number
numberOf (Ending number _) = number

never :: Int64
never = maxBound

-- | For the thread that asks for it.
newWatch :: IO Watch
newWatch = Watch <$> (myThreadId >>= mkWeakThreadId) <*> newIORef (Plan never never) <*> newEmptyMVar <*> newIORef (Last 0 never (pure ()))

-- | What the action gives; 'Nothing' when an asynchronous exception ended it, because the time had come.
--
-- The pair is for an action that takes no exceptions: a later time, and what is done then in place of its answer. 'Nothing' is
-- returned once that is done and the action has ended.
before :: Watch -> Int64 -> (Int64, IO ()) -> IO a -> IO (Maybe a)
before watch@(Watch _ plan told final) time (latest, end) action = mask $ \restore -> do
  atomicModifyIORef' final $ \old -> (Last (numberOf old + 1) latest end, ())
  now <- nowMs
  -- A look that should have been is that of a thread which slept through a freeze: it comes too late.
  watched <- atomicModifyIORef' plan $ \old ->
    let good = looks old >= now && looks old <= time
     in (Plan time (if good then looks old else time), good)
  unless watched . void $ forkIO (look watch time)
  result <- try (restore action)
  ending <- atomicModifyIORef' final $ \old -> (Last (numberOf old + 1) never (pure ()), old)
  inTime <- atomicModifyIORef' plan $ \old -> (old {due = never}, due old /= never)
  unless inTime settle
  case (ending, result) of
    (Ending _ done, _) -> Nothing <$ uninterruptibleMask_ (takeMVar done)
    (_, Right value) -> pure (Just value)
    (_, Left problem)
      | Just TimeUp <- fromException problem -> pure Nothing
      | otherwise -> throwIO (problem :: SomeException)
  where
    -- The exception is on its way, or was here: it must not meet whatever comes next.
    settle = takeMVar told `catch` \TimeUp -> settle

-- | Look at that time, and again whenever an action is due, until there is none.
look :: Watch -> Int64 -> IO ()
look watch@(Watch owner plan told final) time = do
  sleepUntil time
  now <- nowMs
  (late, next) <- atomicModifyIORef' plan $ \old -> case old of
    _ | looks old /= time -> (old, (False, never)) -- another thread looks
    _ | due old <= now -> (Plan never never, (True, never))
    _ -> (old {looks = due old}, (False, due old))
  when late $ void (readIORef final >>= forkIO . endLater)
  when late $ deRefWeak owner >>= mapM_ (`throwTo` TimeUp) >> putMVar told ()
  unless (next == never) $ look watch next
  where
    endLater (Last number latest end) = do
      sleepUntil latest
      done <- newEmptyMVar
      begins <- atomicModifyIORef' final $ \old -> if numberOf old == number then (Ending number done, True) else (old, False)
      when begins (end >> putMVar done ())
    endLater (Ending _ _) = pure ()
    sleepUntil moment = do
      now <- nowMs
      when (now < moment) $ threadDelay (fromIntegral (moment - now) * 1000) >> sleepUntil moment
