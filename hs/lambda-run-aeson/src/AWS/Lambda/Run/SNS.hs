{-# LANGUAGE OverloadedStrings #-}

-- | Notifications of Amazon SNS, as events and as what SNS puts into a queue.
module AWS.Lambda.Run.SNS
  ( Notification (..),
    NotificationAttribute (..),
    Notifications (..),
  )
where

import Data.Aeson (FromJSON (..), withObject, (.!=), (.:), (.:?))
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

-- | One notification. A queue that is subscribed without raw delivery has it as the body of a message: then it is the type
-- of 'AWS.Lambda.Run.SQS.runBatch''s value.
data Notification = Notification
  { -- | Often JSON, see 'AWS.Lambda.Run.Json.decoded'.
    message :: !Text,
    subject :: !(Maybe Text),
    topicArn :: !(Maybe Text),
    messageId :: !(Maybe Text),
    timestamp :: !(Maybe UTCTime),
    messageAttributes :: !(Map Text NotificationAttribute)
  }
  deriving (Eq, Show)

instance FromJSON Notification where
  parseJSON = withObject "an SNS notification" $ \o ->
    Notification
      <$> o .: "Message"
      <*> o .:? "Subject"
      <*> o .:? "TopicArn"
      <*> o .:? "MessageId"
      <*> o .:? "Timestamp"
      <*> (Map.mapMaybe id <$> o .:? "MessageAttributes" .!= Map.empty)

-- | An attribute of the publisher's.
data NotificationAttribute = NotificationAttribute {kind :: !(Maybe Text), value :: !(Maybe Text)}
  deriving (Eq, Show)

instance FromJSON NotificationAttribute where
  parseJSON = withObject "an attribute" $ \o -> NotificationAttribute <$> o .:? "Type" <*> o .:? "Value"

-- | The event; it holds one notification.
newtype Notifications = Notifications {notifications :: [Notification]}
  deriving (Eq, Show)

newtype Record = Record {notification :: Notification}

instance FromJSON Record where
  parseJSON = withObject "an SNS record" $ \o -> Record <$> o .: "Sns"

instance FromJSON Notifications where
  parseJSON = withObject "an SNS event" $ \o -> Notifications . map notification <$> o .: "Records"
