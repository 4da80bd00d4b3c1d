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
import qualified AWS.Lambda.Run.Base64 as Base64
import AWS.Lambda.Run.Json (json)
import AWS.Lambda.Run.Stream (inOrder, time)
import Data.Aeson (FromJSON (..), Value, withObject, (.!=), (.:), (.:?))
import Data.Aeson.Types (Parser)
import Data.ByteString (ByteString)
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Text (Text)
import qualified Data.Text.Encoding as T
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
    inner <- o .: "dynamodb"
    identity <- o .:? "userIdentity"
    principal <- maybe (pure Nothing) (withObject "a user identity" (.:? "principalId")) identity
    Change
      <$> o .: "eventName"
      <*> inner .:? "Keys" .!= Map.empty
      <*> inner .:? "NewImage"
      <*> inner .:? "OldImage"
      <*> inner .: "SequenceNumber"
      <*> (fmap time <$> inner .:? "ApproximateCreationDateTime")
      <*> inner .:? "StreamViewType"
      <*> o .:? "eventID"
      <*> o .:? "eventSourceARN"
      <*> pure (principal == Just ("dynamodb.amazonaws.com" :: Text))

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
  parseJSON value = do
    members <- parseJSON value :: Parser (Map Text Value)
    case Map.toList members of
      [("S", inner)] -> S <$> parseJSON inner
      [("N", inner)] -> N <$> parseJSON inner
      [("B", inner)] -> B <$> (parseJSON inner >>= bytes)
      [("BOOL", inner)] -> BOOL <$> parseJSON inner
      [("NULL", _)] -> pure NULL
      [("SS", inner)] -> SS <$> parseJSON inner
      [("NS", inner)] -> NS <$> parseJSON inner
      [("BS", inner)] -> BS <$> (parseJSON inner >>= mapM bytes)
      [("L", inner)] -> L <$> parseJSON inner
      [("M", inner)] -> M <$> parseJSON inner
      _ -> pure (Other value)
    where
      bytes text = maybe (fail "a binary value is no base64") pure (Base64.decode (T.encodeUtf8 text))

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
