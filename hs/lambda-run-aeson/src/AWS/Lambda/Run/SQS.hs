{-# LANGUAGE OverloadedStrings #-}

-- | Batches of Amazon SQS, in which one bad message fails alone:
--
-- > main :: IO ()
-- > main = runBatch (\_context _message order -> accept order)
--
-- What the handler does not throw for is done; the rest is told to Lambda by its identifiers and comes again. For that the
-- event source mapping needs @FunctionResponseTypes = ReportBatchItemFailures@: without it Lambda ignores the answer, and
-- failed messages are deleted.
--
-- Source: AWS's guide, "Handling errors for an SQS event source in Lambda".
module AWS.Lambda.Run.SQS
  ( runBatch
  , batch
  , Message (..)
  ) where

import AWS.Lambda.Run (Context, failWith, remainingMs, run)
import AWS.Lambda.Run.Error (Failure (..), failureOf)
import AWS.Lambda.Run.Json (decoded, json)
import Control.Exception (SomeAsyncException (..), SomeException, fromException, tryJust)
import Control.Monad (when)
import Data.Aeson (FromJSON (..), ToJSON (..), object, withObject, (.!=), (.:), (.:?), (.=))
import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as B
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Maybe (catMaybes)
import Data.Text (Text)
import qualified Data.Text.Encoding as T
import System.IO (stderr)

-- | One message. Only its id and its body are promised by AWS; the rest is what came.
data Message = Message
  { messageId :: !Text
  , body :: !Text
  , receiptHandle :: !(Maybe Text)
  , attributes :: !(Map Text Text)
  -- ^ AWS's own, such as @MessageGroupId@, @SentTimestamp@ (milliseconds) and @ApproximateReceiveCount@; numbers are text.
  , eventSourceARN :: !(Maybe Text)
  }
  deriving (Eq, Show)

instance FromJSON Message where
  parseJSON = withObject "an SQS message" $ \o ->
    Message <$> o .: "messageId" <*> o .: "body" <*> o .:? "receiptHandle" <*> o .:? "attributes" .!= Map.empty <*> o .:? "eventSourceARN"

newtype Batch = Batch [Message]

instance FromJSON Batch where
  parseJSON = withObject "an SQS event" $ \o -> Batch <$> o .: "Records"

newtype Unprocessed = Unprocessed [Message]

instance ToJSON Unprocessed where
  toJSON (Unprocessed messages) = object ["batchItemFailures" .= [object ["itemIdentifier" .= messageId one] | one <- messages]]

-- | 'run' with a handler of single messages.
runBatch :: FromJSON value => (Context -> Message -> value -> IO ()) -> IO ()
runBatch = run . batch

-- | A handler of single messages as one of events. In order, one after the other; a body that does not decode is that
-- message's failure. Behind a failure, later messages of the same @MessageGroupId@ (FIFO) are not begun, and none is when
-- less than a second is left. When all have failed, the event is the error @BatchFailed@, so that alarms see it: Lambda
-- sends all of them again then, too. An asynchronous exception leaves the batch.
batch :: FromJSON value => (Context -> Message -> value -> IO ()) -> Context -> ByteString -> IO ByteString
batch handler = json $ \context (Batch messages) -> do
  failed <- go context [] messages
  when (not (null messages) && length failed == length messages) $
    failWith "BatchFailed" (B.pack ("all " ++ show (length messages) ++ " messages failed; the log says why"))
  pure (Unprocessed failed)
  where
    go _ _ [] = pure []
    go context stopped (one : later) = do
      left <- remainingMs context
      if maybe False (< marginMs) left
        then pure (one : later)
        else
          if maybe False (`elem` stopped) (group one)
            then (one :) <$> go context stopped later
            else attempt context one >>= either (\_ -> (one :) <$> go context (catMaybes [group one] ++ stopped) later) (\_ -> go context stopped later)
    attempt context one = do
      result <- tryJust synchronous (decoded "the body" (T.encodeUtf8 (body one)) >>= handler context one)
      result <$ either (complain one) pure result
    complain one problem = do
      failure <- failureOf problem
      B.hPutStrLn stderr (B.concat ["message ", T.encodeUtf8 (messageId one), ": ", errorName failure, ": ", errorMessage failure])
    group = Map.lookup "MessageGroupId" . attributes
    marginMs = 1000

synchronous :: SomeException -> Maybe SomeException
synchronous problem = case fromException problem of
  Just (SomeAsyncException _) -> Nothing
  Nothing -> Just problem
