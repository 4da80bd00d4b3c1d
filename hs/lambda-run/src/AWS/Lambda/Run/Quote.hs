{-# LANGUAGE OverloadedStrings #-}

-- | Text as JSON: the little that the core writes.
module AWS.Lambda.Run.Quote (quote) where

import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import Data.Word (Word8)

-- | UTF-8 as a JSON string; a byte that is none becomes U+FFFD.
quote :: ByteString -> Builder.Builder
quote text = "\"" <> go text <> "\""
  where
    go rest = case C.span (\c -> c >= ' ' && c < '\x80' && c /= '"' && c /= '\\') rest of
      (plain, special) -> Builder.byteString plain <> maybe mempty escape (C.uncons special)
        where
          escape (c, behind)
            | c == '"' || c == '\\' = Builder.char7 '\\' <> Builder.char7 c <> go behind
            | c < ' ' = "\\u" <> Builder.word16HexFixed (fromIntegral (fromEnum c)) <> go behind
            | otherwise = case sequenceOf (B.unpack (B.take 4 special)) of
              0 -> Builder.charUtf8 '\xFFFD' <> go behind
              size -> Builder.byteString (B.take size special) <> go (B.drop size special)

-- | How many of these bytes are one character beyond ASCII; 0 where they begin with none. The ranges are those of table 3-7
-- in chapter 3 of the Unicode standard.
sequenceOf :: [Word8] -> Int
sequenceOf (first : second : rest)
  | within 0xC2 0xDF first && isNext second = 2
  | within 0xE0 0xEF first && within (if first == 0xE0 then 0xA0 else 0x80) (if first == 0xED then 0x9F else 0xBF) second && follow 1 = 3
  | within 0xF0 0xF4 first && within (if first == 0xF0 then 0x90 else 0x80) (if first == 0xF4 then 0x8F else 0xBF) second && follow 2 = 4
  where
    within low high byte = low <= byte && byte <= high
    isNext = within 0x80 0xBF
    follow count = length (takeWhile isNext (take count rest)) == count
sequenceOf _ = 0
