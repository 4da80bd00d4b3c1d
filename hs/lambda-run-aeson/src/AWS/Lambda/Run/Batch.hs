{-# LANGUAGE OverloadedStrings #-}

-- | What the batches of queues and streams share: one record fails alone, and none is begun when the time is nearly up.
module AWS.Lambda.Run.Batch
  ( Unprocessed (..),
    done,
    hasTime,
    answerFor,
  )
where

import AWS.Lambda.Run (Context, failWith, remainingMs)
import AWS.Lambda.Run.Error (Failure (..), failureOf)
import AWS.Lambda.Run.Log (Level (..), logAt)
import Control.Exception (SomeAsyncException (..), SomeException, fromException, tryJust)
import Control.Monad (unless, when)
import Data.Aeson (ToJSON (..), object, (.=))
import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as B
import Data.Text (Text)

-- | The identifiers of the records that are not done, in the batch's order.
newtype Unprocessed = Unprocessed [Text]

instance ToJSON Unprocessed where
  toJSON (Unprocessed names) = object ["batchItemFailures" .= [object ["itemIdentifier" .= name] | name <- names]]

-- | Whether the action of one record came to its end; a failure is logged with the fields. An asynchronous exception leaves
-- the batch.
done :: Context -> [(ByteString, ByteString)] -> IO () -> IO Bool
done context fields action = tryJust synchronous action >>= either complain (const (pure True))
  where
    complain problem = do
      failure <- failureOf problem
      logAt Error context (fields ++ [("errorType", errorName failure)]) (errorMessage failure)
      pure False

synchronous :: SomeException -> Maybe SomeException
synchronous problem = case fromException problem of
  Just (SomeAsyncException _) -> Nothing
  Nothing -> Just problem

-- | Whether more than a second is left; the log says where it is not.
hasTime :: Context -> IO Bool
hasTime context = do
  timely <- maybe True (>= 1000) <$> remainingMs context
  unless timely (logAt Warn context [] "less than a second is left: the records not begun come again")
  pure timely

-- | The answer; the error @BatchFailed@ when nothing of a batch is done, so that alarms see it: Lambda sends all of it again
-- then, too.
answerFor :: Int -> [Text] -> IO Unprocessed
answerFor size failed = do
  when (size > 0 && length failed == size) $
    failWith "BatchFailed" (B.pack ("all " ++ show size ++ " records failed; the log says why"))
  pure (Unprocessed failed)
