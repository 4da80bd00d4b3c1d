{-# LANGUAGE OverloadedStrings #-}

-- | Text as JSON: the little that the core writes.
module AWS.Lambda.Run.Quote (quote) where

import Data.ByteString (ByteString)
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C

-- | UTF-8 as a JSON string.
quote :: ByteString -> Builder.Builder
quote text = "\"" <> go text <> "\""
  where
    go rest = case C.span (\c -> c >= ' ' && c /= '"' && c /= '\\') rest of
      (plain, special) -> Builder.byteString plain <> maybe mempty escape (C.uncons special)
    escape (c, rest)
      | c == '"' || c == '\\' = Builder.char7 '\\' <> Builder.char7 c <> go rest
      | otherwise = "\\u" <> Builder.word16HexFixed (fromIntegral (fromEnum c)) <> go rest
