{-# LANGUAGE OverloadedStrings #-}

-- | The envelope of @input = "envelope"@, @{"event":…,"context":{…}}@, taken apart without parsing the event.
module AWS.Lambda.Run.Envelope
  ( open,
    members,
  )
where

import AWS.Lambda.Run.Context (Context (..))
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import qualified Data.ByteString.Unsafe as B
import Data.Char (chr, digitToInt, isHexDigit)

-- | The event as it stands there, and the context completed by what the envelope tells; the whole text and the context
-- as it was when this is no envelope.
open :: Context -> ByteString -> (Context, ByteString)
open context text = case members text of
  Just fields
    | Just event <- lookup "event" fields,
      Just about <- lookup "context" fields >>= members ->
      (completed about, event)
  _ -> (context, text)
  where
    completed about =
      context
        { requestId = maybe (requestId context) id (string "awsRequestId"),
          deadlineMs = fromIntegral <$> (raw "deadlineMs" >>= whole),
          invokedFunctionArn = string "invokedFunctionArn",
          traceId = string "traceId",
          clientContext = raw "clientContext",
          identity = raw "identity",
          tenantId = string "tenantId"
        }
      where
        raw name = case lookup name about of
          Just "null" -> Nothing
          other -> other
        string name = raw name >>= unquote
    whole value = fst <$> C.readInteger value

-- | The members of a JSON object, names unquote and values as they stand there. What it is given must be JSON, as the
-- shims' envelopes are: this looks for the ends of values only.
members :: ByteString -> Maybe [(ByteString, ByteString)]
members text = case C.uncons (space text) of
  Just ('{', inside) -> go (space inside)
  _ -> Nothing
  where
    go rest
      | "}" `B.isPrefixOf` rest = Just []
      | otherwise = do
        (name, afterName) <- valueEnd rest
        key <- unquote name
        (':', afterColon) <- C.uncons (space afterName)
        (value, afterValue) <- valueEnd (space afterColon)
        more <- case C.uncons (space afterValue) of
          Just (',', further) -> go (space further)
          Just ('}', _) -> Just []
          _ -> Nothing
        Just ((key, value) : more)

space :: ByteString -> ByteString
space = C.dropWhile (`elem` (" \t\r\n" :: String))

-- | A value and what follows it.
valueEnd :: ByteString -> Maybe (ByteString, ByteString)
valueEnd text
  | B.null text = Nothing
  | otherwise = case C.head text of
    '"' -> stringEnd 1 >>= split
    c | c == '{' || c == '[' -> nested 0 0 >>= split
    _ -> split (C.length (C.takeWhile (`notElem` (",}] \t\r\n" :: String)) text))
  where
    split at = Just (B.splitAt at text)
    size = B.length text
    -- Behind the quote that ends the string we are in.
    stringEnd at
      | at >= size = Nothing
      | otherwise = case B.unsafeIndex text at of
        34 -> Just (at + 1)
        92 -> stringEnd (at + 2)
        _ -> stringEnd (at + 1 :: Int)
    -- Behind the bracket that ends the value we are in.
    nested at depth
      | at >= size = Nothing
      | otherwise = case B.unsafeIndex text at of
        34 -> stringEnd (at + 1) >>= \behind -> nested behind depth
        c
          | c == 123 || c == 91 -> nested (at + 1) (depth + 1)
          | c == 125 || c == 93 -> if depth == (1 :: Int) then Just (at + 1) else nested (at + 1) (depth - 1)
          | otherwise -> nested (at + 1) depth

-- | The text of a JSON string, as UTF-8.
unquote :: ByteString -> Maybe ByteString
unquote text
  | B.length text < 2 || C.head text /= '"' = Nothing
  | C.notElem '\\' inside = Just inside
  | otherwise = Just (L.toStrict (Builder.toLazyByteString (plain inside)))
  where
    inside = B.init (B.tail text)
    plain rest = case C.break (== '\\') rest of
      (before, behind) -> Builder.byteString before <> maybe mempty escape (C.uncons (B.drop 1 behind))
    escape ('u', rest)
      | Just (high, further) <- unit rest,
        high >= 0xD800 && high < 0xDC00,
        Just (low, behind) <- B.stripPrefix "\\u" further >>= unit,
        low >= 0xDC00 && low < 0xE000 =
        Builder.charUtf8 (chr (0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00)) <> plain behind
      | Just (code, further) <- unit rest =
        Builder.charUtf8 (if code >= 0xD800 && code < 0xE000 then '\xFFFD' else chr code) <> plain further
    escape (c, rest) = Builder.char7 (maybe c id (lookup c escapes)) <> plain rest
    unit text'
      | (digits, further) <- B.splitAt 4 text',
        B.length digits == 4 && C.all isHexDigit digits =
        Just (C.foldl' (\n d -> n * 16 + digitToInt d) 0 digits, further)
      | otherwise = Nothing
    escapes = [('n', '\n'), ('t', '\t'), ('r', '\r'), ('b', '\b'), ('f', '\f')]
