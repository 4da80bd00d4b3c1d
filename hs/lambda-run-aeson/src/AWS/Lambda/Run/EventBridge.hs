{-# LANGUAGE OverloadedStrings #-}

-- | Events of Amazon EventBridge, its schedules among them. (EventBridge Scheduler sends whatever its user wrote, without
-- this envelope.)
module AWS.Lambda.Run.EventBridge (Event (..)) where

import Data.Aeson (FromJSON (..), withObject, (.!=), (.:), (.:?))
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

-- | One event, with the detail in a type of one's own ('Data.Aeson.Value' takes any).
data Event detail = Event
  { -- | Such as @aws.ec2@.
    source :: !Text,
    detailType :: !Text,
    detail :: !detail,
    eventId :: !(Maybe Text),
    account :: !(Maybe Text),
    region :: !(Maybe Text),
    time :: !(Maybe UTCTime),
    resources :: [Text],
    -- | Of a replay from an archive.
    replayName :: !(Maybe Text)
  }
  deriving (Eq, Show)

instance FromJSON detail => FromJSON (Event detail) where
  parseJSON = withObject "an EventBridge event" $ \o ->
    Event
      <$> o .: "source"
      <*> o .: "detail-type"
      <*> o .: "detail"
      <*> o .:? "id"
      <*> o .:? "account"
      <*> o .:? "region"
      <*> o .:? "time"
      <*> o .:? "resources" .!= []
      <*> o .:? "replay-name"
