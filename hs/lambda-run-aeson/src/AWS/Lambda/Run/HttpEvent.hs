{-# LANGUAGE OverloadedStrings #-}
{-# LANGUAGE TupleSections #-}

-- | One request and one response for everything that speaks HTTP to a function: API Gateway's REST APIs (v1) and HTTP APIs
-- (v2), function URLs, Application Load Balancers.
--
-- > {-# LANGUAGE OverloadedStrings #-}
-- >
-- > import AWS.Lambda.Run.HttpEvent
-- >
-- > main :: IO ()
-- > main = runHttp $ \_context request -> pure (text 200 ("Hello from " <> path request))
--
-- The event tells which of them has sent it, and the response goes back in the form that it takes. Only method and path are
-- needed: AWS's consoles and tools leave out, or set to null, almost everything else.
module AWS.Lambda.Run.HttpEvent
  ( runHttp,
    http,
    Request (..),
    Origin (..),
    header,
    bodyBytes,
    Response (..),
    text,
    bytes,
  )
where

import AWS.Lambda.Run (Context, run)
import qualified AWS.Lambda.Run.Base64 as Base64
import AWS.Lambda.Run.Json (decoded)
import AWS.Lambda.Run.Url (decodedText, queryOf)
import Control.Applicative ((<|>))
import Control.Monad (join)
import Data.Aeson (FromJSON (..), Value (..), encode, object, withObject, (.!=), (.:), (.:?), (.=))
import Data.Aeson.Types (Parser, explicitParseFieldMaybe)
import Data.ByteString (ByteString)
import qualified Data.ByteString.Lazy as L
import Data.Char (toUpper)
import Data.List (nub, partition)
import Data.Map.Strict (Map)
import qualified Data.Map.Strict as Map
import Data.Maybe (fromMaybe, isJust, listToMaybe)
import Data.Text (Text)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T

-- | Who has sent the event.
data Origin
  = -- | A REST API, or an HTTP API with payload format 1.0.
    RestApi
  | -- | An HTTP API with payload format 2.0, or a function URL.
    HttpApi
  | -- | A load balancer; true where its target group has multi-value headers.
    LoadBalancer !Bool
  deriving (Eq, Show)

-- | What was asked.
data Request = Request
  { method :: !Text,
    -- | As the client sent it, percent signs and all.
    path :: !Text,
    -- | Decoded; a name that comes twice is there twice.
    query :: [(Text, Text)],
    -- | As they came. See 'header'.
    headers :: [(Text, Text)],
    -- | Each as @name=value@.
    cookies :: [Text],
    pathParameters :: !(Map Text Text),
    stageVariables :: !(Map Text Text),
    -- | Of who asked the front: of a load balancer the last one of @x-forwarded-for@, which is its own word.
    sourceIp :: !(Maybe Text),
    -- | As it stands in the event. See 'bodyBytes'.
    body :: !(Maybe Text),
    isBase64Encoded :: !Bool,
    origin :: !Origin,
    -- | The whole event, for what has no field here, such as the authorizer's context.
    raw :: !Value
  }
  deriving (Eq, Show)

-- | The value of a header, whatever the case of its name; the first one where there are several.
header :: Text -> Request -> Maybe Text
header name request = listToMaybe [value | (other, value) <- headers request, T.toLower other == T.toLower name]

-- | The body; empty where there is none, 'Nothing' where the event's base64 is damaged.
bodyBytes :: Request -> Maybe ByteString
bodyBytes request = case T.encodeUtf8 (fromMaybe "" (body request)) of
  written
    | isBase64Encoded request -> Base64.decode written
    | otherwise -> Just written

instance FromJSON Request where
  parseJSON event = withObject "an HTTP request" parse event
    where
      parse o = do
        about <- explicitParseFieldMaybe (withObject "a request context" context) o "requestContext"
        maybe (old o False Nothing) (either (new o) (uncurry (old o))) about
      context o = do
        inner <- explicitParseFieldMaybe (withObject "what was asked" asked) o "http"
        balancer <- o .:? "elb" :: Parser (Maybe Value)
        source <- explicitParseFieldMaybe (withObject "an identity" (.:? "sourceIp")) o "identity"
        pure (maybe (Right (isJust balancer, join source)) Left inner)
      asked o = (,,) <$> o .: "method" <*> o .:? "path" <*> o .:? "sourceIp"
      new o (verb, place, source) = do
        fields <- single o "headers"
        Request verb
          <$> (o .:? "rawPath" >>= maybe (maybe (o .: "rawPath") pure place) pure)
          <*> (queryOf <$> o .:? "rawQueryString" .!= "")
          <*> pure fields
          <*> o .:? "cookies" .!= []
          <*> texts o "pathParameters"
          <*> texts o "stageVariables"
          <*> pure source
          <*> o .:? "body"
          <*> o .:? "isBase64Encoded" .!= False
          <*> pure HttpApi
          <*> pure event
      old o isBalancer source = do
        many <- multi o "multiValueHeaders"
        fields <- if null many then single o "headers" else pure many
        manyQuery <- multi o "multiValueQueryStringParameters"
        pairs <- if null manyQuery then single o "queryStringParameters" else pure manyQuery
        let found name = [value | (other, value) <- fields, T.toLower other == name]
            decode = if isBalancer then decodedText else id -- a load balancer hands the query on as it came
        Request
          <$> o .: "httpMethod"
          <*> o .: "path"
          <*> pure [(decode name, decode value) | (name, value) <- pairs]
          <*> pure fields
          <*> pure (concatMap (map T.strip . T.splitOn ";") (found "cookie"))
          <*> texts o "pathParameters"
          <*> texts o "stageVariables"
          <*> pure (source <|> listToMaybe (reverse (concatMap (map T.strip . T.splitOn ",") (found "x-forwarded-for"))))
          <*> o .:? "body"
          <*> o .:? "isBase64Encoded" .!= False
          <*> pure (if isBalancer then LoadBalancer (not (null many)) else RestApi)
          <*> pure event
      single o name = do
        found <- o .:? name .!= Map.empty :: Parser (Map Text (Maybe Text))
        pure [(key, fromMaybe "" value) | (key, value) <- Map.toList found]
      texts o name = Map.mapMaybe id <$> o .:? name .!= Map.empty -- null is as good as absent
      multi o name = do
        found <- o .:? name .!= Map.empty :: Parser (Map Text (Maybe [Text]))
        pure [(key, value) | (key, values) <- Map.toList found, value <- fromMaybe [] values]

-- | What is answered.
data Response = Response
  { status :: !Int,
    -- | A name may come twice; a @set-cookie@ is one of the cookies.
    responseHeaders :: [(Text, Text)],
    -- | Each as the value of a @set-cookie@.
    setCookies :: [Text],
    -- | Goes out as text where it is UTF-8, and in base64 else.
    content :: !ByteString
  }
  deriving (Eq, Show)

-- | A page of plain text.
text :: Int -> Text -> Response
text code = bytes code "text/plain; charset=utf-8" . T.encodeUtf8

-- | A page of that content type.
bytes :: Int -> Text -> ByteString -> Response
bytes code kind = Response code [("content-type", kind)] []

-- | 'run' with a handler of requests.
runHttp :: (Context -> Request -> IO Response) -> IO ()
runHttp = run . http

-- | A handler of requests as one of events.
http :: (Context -> Request -> IO Response) -> Context -> ByteString -> IO ByteString
http handler context event = do
  request <- decoded "the event" event
  L.toStrict . encode . answer (origin request) <$> handler context request

-- | The response in the form that its sender takes.
answer :: Origin -> Response -> Value
answer to response = object (common ++ fields)
  where
    (encoded, shown) = either (const (True, T.decodeUtf8 (Base64.encode (content response)))) (False,) (T.decodeUtf8' (content response))
    common = ["statusCode" .= status response, "body" .= shown, "isBase64Encoded" .= encoded]
    (ofCookies, others) = partition ((== "set-cookie") . T.toLower . fst) (responseHeaders response)
    every = setCookies response ++ map snd ofCookies
    -- By the first spelling of each name.
    grouped = Map.fromList . Map.elems . Map.fromListWith (\(_, new) (name, old) -> (name, old ++ new)) . map (\(name, value) -> (T.toLower name, (name, [value])))
    joined = Map.map (T.intercalate ", ") (grouped others)
    separate = grouped (others ++ [("set-cookie", cookie) | cookie <- every])
    fields = case to of
      HttpApi -> ["headers" .= joined, "cookies" .= every]
      RestApi -> ["multiValueHeaders" .= separate]
      LoadBalancer True -> ["multiValueHeaders" .= separate, described]
      LoadBalancer False -> ["headers" .= Map.union joined (spelt every), described]
    described = "statusDescription" .= T.pack (show (status response) ++ " " ++ reason (status response))
    -- Without multi-value headers there is room for one of each spelling of the name.
    spelt = Map.fromList . zip (map T.pack (mapM (\c -> nub [c, toUpper c]) "set-cookie"))

-- | A phrase behind the number: a load balancer asks for one, and nobody reads it.
reason :: Int -> String
reason code
  | code < 300 = "OK"
  | code < 400 = "Redirect"
  | code < 500 = "Client Error"
  | otherwise = "Server Error"
