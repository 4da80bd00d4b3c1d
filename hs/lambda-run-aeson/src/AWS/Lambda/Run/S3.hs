{-# LANGUAGE OverloadedStrings #-}

-- | Notifications of Amazon S3.
module AWS.Lambda.Run.S3
  ( Notification (..),
    Notifications (..),
    isCreated,
    isRemoved,
    decodedKey,
  )
where

import AWS.Lambda.Run.Url (decodedText)
import Data.Aeson (FromJSON (..), withObject, (.!=), (.:), (.:?))
import Data.Aeson.Types (explicitParseField)
import Data.Maybe (fromMaybe)
import Data.Text (Text)
import qualified Data.Text as T
import Data.Time.Clock (UTCTime)

-- | One object that something happened to.
data Notification = Notification
  { -- | Such as @ObjectCreated:Put@; newer kinds have @s3:@ in front.
    eventName :: !Text,
    eventTime :: !(Maybe UTCTime),
    awsRegion :: !(Maybe Text),
    bucket :: !Text,
    -- | As the object is called; the event has it URL-encoded.
    key :: !Text,
    -- | As the event has it.
    rawKey :: !Text,
    -- | Bytes; absent where the object is gone.
    size :: !(Maybe Integer),
    eTag :: !(Maybe Text),
    versionId :: !(Maybe Text),
    -- | Orders the events of one key: hexadecimal, compared at equal lengths.
    sequencer :: !(Maybe Text)
  }
  deriving (Eq, Show)

instance FromJSON Notification where
  parseJSON = withObject "an S3 record" $ \o -> do
    happened <- Notification <$> o .: "eventName" <*> o .:? "eventTime" <*> o .:? "awsRegion"
    explicitParseField (withObject "what happened" (place happened)) o "s3"
    where
      place happened o = do
        there <- happened <$> explicitParseField (withObject "a bucket" (.: "name")) o "bucket"
        explicitParseField (withObject "an object" (thing there)) o "object"
      thing there o = do
        raw <- o .: "key"
        there (decodedKey raw) raw <$> o .:? "size" <*> o .:? "eTag" <*> o .:? "versionId" <*> o .:? "sequencer"

-- | The event. The test that S3 sends when notifications are set up has no records.
newtype Notifications = Notifications {notifications :: [Notification]}
  deriving (Eq, Show)

instance FromJSON Notifications where
  parseJSON = withObject "an S3 event" $ \o -> do
    test <- o .:? "Event"
    Notifications <$> if test == Just ("s3:TestEvent" :: Text) then o .:? "Records" .!= [] else o .: "Records"

-- | An object is new, or has new content.
isCreated :: Notification -> Bool
isCreated = (`named` "ObjectCreated:")

-- | An object is gone.
isRemoved :: Notification -> Bool
isRemoved = (`named` "ObjectRemoved:")

named :: Notification -> Text -> Bool
named one prefix = prefix `T.isPrefixOf` fromMaybe (eventName one) (T.stripPrefix "s3:" (eventName one))

-- | A key as the object is called: @+@ is a blank, and @%c3%a4@ is ä.
decodedKey :: Text -> Text
decodedKey = decodedText
