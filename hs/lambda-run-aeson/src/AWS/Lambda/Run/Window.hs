{-# LANGUAGE OverloadedStrings #-}

-- | Tumbling windows over streams of Amazon Kinesis and DynamoDB: Lambda keeps a state from one event of a window to the next.
--
-- > {-# LANGUAGE OverloadedStrings #-}
-- >
-- > import AWS.Lambda.Run.Kinesis (Records (..))
-- > import AWS.Lambda.Run.Window
-- > import Data.Aeson (FromJSON (..), ToJSON (..), object, withObject, (.:), (.=))
-- >
-- > newtype Count = Count Int
-- >
-- > instance FromJSON Count where
-- >   parseJSON = withObject "a count" (\o -> Count <$> o .: "count")
-- >
-- > instance ToJSON Count where
-- >   toJSON (Count n) = object ["count" .= n]
-- >
-- > main :: IO ()
-- > main = runWindow $ \_context window (Records records) -> do
-- >   let Count before = maybe (Count 0) id (state window)
-- >       now = before + length records
-- >   if isFinal window then print now else pure ()
-- >   pure (Count now)
--
-- A failure has Lambda send the event again, with the state as it was. 'AWS.Lambda.Run.Kinesis.runRecords' and
-- 'AWS.Lambda.Run.DynamoDB.runChanges' give no state, and Lambda takes that for a failure where the mapping has a window.
--
-- Source: AWS's guide, "Implementing stateful Kinesis Data Streams processing in Lambda".
module AWS.Lambda.Run.Window
  ( runWindow,
    windowed,
    Window (..),
  )
where

import AWS.Lambda.Run (Context, run)
import AWS.Lambda.Run.Json (json)
import Data.Aeson (FromJSON (..), ToJSON (..), Value (..), object, withObject, (.!=), (.:), (.:?), (.=))
import Data.Aeson.Types (explicitParseField)
import Data.ByteString (ByteString)
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

-- | What an event of a window has beside its records.
data Window state = Window
  { start :: !UTCTime,
    end :: !UTCTime,
    -- | What the window's last event gave; 'Nothing' at its first, and behind an early end.
    state :: !(Maybe state),
    shardId :: !(Maybe Text),
    eventSourceARN :: !(Maybe Text),
    -- | The state is whole; the event has no records, as a rule.
    isFinal :: !Bool,
    -- | The state has become too large, of which a shard has 1 MB: the window goes on with none.
    isTerminatedEarly :: !Bool
  }
  deriving (Eq, Show)

instance FromJSON state => FromJSON (Window state) where
  parseJSON = withObject "an event of a window" $ \o ->
    explicitParseField (withObject "a window" (\times -> Window <$> times .: "start" <*> times .: "end")) o "window"
      <*> (o .:? "state" .!= Null >>= traverse parseJSON . given)
      <*> o .:? "shardId"
      <*> o .:? "eventSourceARN"
      <*> o .:? "isFinalInvokeForWindow" .!= False
      <*> o .:? "isWindowTerminatedEarly" .!= False
    where
      given value = if value `elem` [Null, object []] then Nothing else Just value

data Event records state = Event (Window state) records

instance (FromJSON records, FromJSON state) => FromJSON (Event records state) where
  parseJSON value = Event <$> parseJSON value <*> parseJSON value

newtype Answer state = Answer state

instance ToJSON state => ToJSON (Answer state) where
  toJSON (Answer value) = object ["state" .= value]

-- | 'run' with a handler of windows.
runWindow :: (FromJSON records, FromJSON state, ToJSON state) => (Context -> Window state -> records -> IO state) -> IO ()
runWindow = run . windowed

-- | A handler of a window's records, which gives the next state, as one of events. The state is an object in JSON; the records are
-- 'AWS.Lambda.Run.Kinesis.Records', 'AWS.Lambda.Run.DynamoDB.Changes', or a type of one's own.
windowed :: (FromJSON records, FromJSON state, ToJSON state) => (Context -> Window state -> records -> IO state) -> Context -> ByteString -> IO ByteString
windowed handler = json $ \context (Event window records) -> Answer <$> handler context window records
