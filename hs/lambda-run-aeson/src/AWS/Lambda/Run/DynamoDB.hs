{-# LANGUAGE OverloadedStrings #-}

-- | Changes of a table, from Amazon DynamoDB Streams.
module AWS.Lambda.Run.DynamoDB
  ( runChanges,
    changes,
    Change (..),
    Changes (..),
    Attribute (..),
  )
where

import AWS.Lambda.Run (Context, run)
import AWS.Lambda.Run.Json (json)
import AWS.Lambda.Run.Stream (Binary (..), inOrder, time)
import Data.Aeson (FromJSON (..), Value, withObject, (.!=), (.:), (.:?))
import Data.Aeson.Types (Parser, explicitParseField, explicitParseFieldMaybe)
import Data.ByteString (ByteString)
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Text (Text)
import Data.Time.Clock (UTCTime)

-- | One change of one item.
data Change = Change
  { -- | @INSERT@, @MODIFY@ or @REMOVE@.
    eventName :: !Text,
    keys :: !(Map Text Attribute),
    -- | The item afterwards, where the stream's view has it.
    newImage :: !(Maybe (Map Text Attribute)),
    -- | The item before.
    oldImage :: !(Maybe (Map Text Attribute)),
    sequenceNumber :: !Text,
    createdAt :: !(Maybe UTCTime),
    streamViewType :: !(Maybe Text),
    eventID :: !(Maybe Text),
    eventSourceARN :: !(Maybe Text),
    -- | The item's time to live had come.
    byService :: !Bool
  }
  deriving (Eq, Show)

instance FromJSON Change where
  parseJSON = withObject "a DynamoDB record" $ \o -> do
    name <- o .: "eventName"
    explicitParseField (withObject "what changed" (named name)) o "dynamodb"
      <*> o .:? "eventID"
      <*> o .:? "eventSourceARN"
      <*> ((== Just (Just "dynamodb.amazonaws.com")) <$> explicitParseFieldMaybe principal o "userIdentity")
    where
      named name o =
        Change name
          <$> o .:? "Keys" .!= Map.empty
          <*> o .:? "NewImage"
          <*> o .:? "OldImage"
          <*> o .: "SequenceNumber"
          <*> ((>>= time) <$> o .:? "ApproximateCreationDateTime")
          <*> o .:? "StreamViewType"
      principal = withObject "a user identity" (.:? "principalId") :: Value -> Parser (Maybe Text)

-- | A value of DynamoDB. Numbers are text: they have up to 38 digits, more than a 'Double'.
data Attribute
  = S !Text
  | N !Text
  | B !ByteString
  | BOOL !Bool
  | NULL
  | SS [Text]
  | NS [Text]
  | BS [ByteString]
  | L [Attribute]
  | M (Map Text Attribute)
  | -- | Of a kind that this module does not know.
    Other !Value
  deriving (Eq, Show)

instance FromJSON Attribute where
  parseJSON value = flip (withObject "an attribute") value $ \o -> do
    members <- parseJSON value :: Parser (Map Text Value)
    case Map.keys members of
      ["S"] -> S <$> o .: "S"
      ["N"] -> N <$> o .: "N"
      ["B"] -> B . decodedBytes <$> o .: "B"
      ["BOOL"] -> BOOL <$> o .: "BOOL"
      ["NULL"] -> pure NULL
      ["SS"] -> SS <$> o .: "SS"
      ["NS"] -> NS <$> o .: "NS"
      ["BS"] -> BS . map decodedBytes <$> o .: "BS"
      ["L"] -> L <$> o .: "L"
      ["M"] -> M <$> o .: "M"
      _ -> pure (Other value)

-- | The event.
newtype Changes = Changes [Change]
  deriving (Eq, Show)

instance FromJSON Changes where
  parseJSON = withObject "a DynamoDB event" $ \o -> Changes <$> o .: "Records"

-- | 'run' with a handler of single changes.
runChanges :: (Context -> Change -> IO ()) -> IO ()
runChanges = run . changes

-- | A handler of single changes as one of events: in order, and none behind the first failure, from which Lambda goes on.
changes :: (Context -> Change -> IO ()) -> Context -> ByteString -> IO ByteString
changes handler = json $ \context (Changes found) -> inOrder sequenceNumber handler context found
