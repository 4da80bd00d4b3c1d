{-# LANGUAGE OverloadedStrings #-}

-- | Batches of Amazon SQS, in which one bad message fails alone:
--
-- > import AWS.Lambda.Run.SQS (runBatch)
-- >
-- > main :: IO ()
-- > main = runBatch (\_context _message order -> accept order)
--
-- What the handler does not throw for is done; the rest is told to Lambda by its identifiers and comes again. For that the
-- event source mapping needs @FunctionResponseTypes = ReportBatchItemFailures@: without it Lambda ignores the answer, and
-- failed messages are deleted.
--
-- Source: AWS's guide, "Handling errors for an SQS event source in Lambda".
module AWS.Lambda.Run.SQS
  ( runBatch,
    batch,
    Message (..),
    MessageAttribute (..),
    Messages (..),
  )
where

import AWS.Lambda.Run (Context, run)
import AWS.Lambda.Run.Batch
import AWS.Lambda.Run.Json (decoded, json)
import Data.Aeson (FromJSON (..), withObject, (.!=), (.:), (.:?))
import Data.ByteString (ByteString)
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Maybe (catMaybes)
import Data.Text (Text)
import qualified Data.Text.Encoding as T

-- | One message. Only its id and its body are promised by AWS; the rest is what came.
data Message = Message
  { messageId :: !Text,
    body :: !Text,
    receiptHandle :: !(Maybe Text),
    -- | AWS's own, such as @MessageGroupId@, @SentTimestamp@ (milliseconds) and @ApproximateReceiveCount@; numbers are text.
    attributes :: !(Map Text Text),
    -- | The sender's.
    messageAttributes :: !(Map Text MessageAttribute),
    eventSourceARN :: !(Maybe Text)
  }
  deriving (Eq, Show)

instance FromJSON Message where
  parseJSON = withObject "an SQS message" $ \o ->
    Message
      <$> o .: "messageId"
      <*> o .: "body"
      <*> o .:? "receiptHandle"
      <*> (Map.mapMaybe id <$> o .:? "attributes" .!= Map.empty)
      <*> (Map.mapMaybe id <$> o .:? "messageAttributes" .!= Map.empty)
      <*> o .:? "eventSourceARN"

-- | An attribute of the sender's.
data MessageAttribute = MessageAttribute
  { -- | @String@, @Number@ or @Binary@, perhaps with a suffix of the sender's behind a dot.
    dataType :: !(Maybe Text),
    -- | Of strings and numbers.
    stringValue :: !(Maybe Text),
    -- | In base64, see "AWS.Lambda.Run.Base64".
    binaryValue :: !(Maybe Text)
  }
  deriving (Eq, Show)

instance FromJSON MessageAttribute where
  parseJSON = withObject "a message attribute" $ \o -> MessageAttribute <$> o .:? "dataType" <*> o .:? "stringValue" <*> o .:? "binaryValue"

-- | The event: for a handler that takes the batch as a whole.
newtype Messages = Messages {messages :: [Message]}
  deriving (Eq, Show)

instance FromJSON Messages where
  parseJSON = withObject "an SQS event" $ \o -> Messages <$> o .: "Records"

-- | 'run' with a handler of single messages.
runBatch :: FromJSON value => (Context -> Message -> value -> IO ()) -> IO ()
runBatch = run . batch

-- | A handler of single messages as one of events. In order, one after the other; a body that does not decode is that
-- message's failure. Behind a failure, later messages of the same @MessageGroupId@ (FIFO) are not begun, and none is when
-- less than a second is left. When all have failed, the event is the error @BatchFailed@, so that alarms see it: Lambda
-- sends all of them again then, too. An asynchronous exception leaves the batch.
batch :: FromJSON value => (Context -> Message -> value -> IO ()) -> Context -> ByteString -> IO ByteString
batch handler = json $ \context (Messages all') -> go context [] all' >>= answerFor (length all') . map messageId
  where
    go _ _ [] = pure []
    go context stopped (one : later)
      | maybe False (`elem` stopped) (group one) = (one :) <$> go context stopped later
      | otherwise = do
        time <- hasTime context
        if not time
          then pure (one : later)
          else do
            good <- done context [("messageId", T.encodeUtf8 (messageId one))] (decoded "the body" (T.encodeUtf8 (body one)) >>= handler context one)
            if good then go context stopped later else (one :) <$> go context (catMaybes [group one] ++ stopped) later
    group = Map.lookup "MessageGroupId" . attributes
