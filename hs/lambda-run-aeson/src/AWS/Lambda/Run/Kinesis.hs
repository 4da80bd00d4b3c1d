{-# LANGUAGE OverloadedStrings #-}

-- | Records of Amazon Kinesis Data Streams.
module AWS.Lambda.Run.Kinesis
  ( runRecords,
    records,
    Record (..),
    Records (..),
  )
where

import AWS.Lambda.Run (Context, run)
import AWS.Lambda.Run.Json (json)
import AWS.Lambda.Run.Stream (Binary (..), inOrder, time)
import Data.Aeson (FromJSON (..), withObject, (.:), (.:?))
import Data.Aeson.Types (explicitParseField)
import Data.ByteString (ByteString)
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

-- | One record.
data Record = Record
  { -- | The producer's bytes. A producer with the KPL packs several records into one; that is not undone here.
    payload :: !ByteString,
    partitionKey :: !(Maybe Text),
    sequenceNumber :: !Text,
    arrivedAt :: !(Maybe UTCTime),
    -- | With the shard's name in front.
    eventID :: !(Maybe Text),
    eventSourceARN :: !(Maybe Text)
  }
  deriving (Eq, Show)

instance FromJSON Record where
  parseJSON = withObject "a Kinesis record" $ \o ->
    explicitParseField (withObject "what stands there" record) o "kinesis"
      <*> o .:? "eventID"
      <*> o .:? "eventSourceARN"
    where
      record o =
        Record
          <$> (decodedBytes <$> o .: "data")
          <*> o .:? "partitionKey"
          <*> o .: "sequenceNumber"
          <*> ((>>= time) <$> o .:? "approximateArrivalTimestamp")

-- | The event.
newtype Records = Records [Record]
  deriving (Eq, Show)

instance FromJSON Records where
  parseJSON = withObject "a Kinesis event" $ \o -> Records <$> o .: "Records"

-- | 'run' with a handler of single records.
runRecords :: (Context -> Record -> IO ()) -> IO ()
runRecords = run . records

-- | A handler of single records as one of events: in order, and none behind the first failure, from which Lambda goes on.
records :: (Context -> Record -> IO ()) -> Context -> ByteString -> IO ByteString
records handler = json $ \context (Records found) -> inOrder sequenceNumber handler context found
