{-# LANGUAGE OverloadedStrings #-}

-- | URL encoding, as queries and S3's keys have it.
module AWS.Lambda.Run.Url
  ( decodedText,
    queryOf,
  )
where

import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.Char (digitToInt, isHexDigit)
import Data.Text (Text)
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import qualified Data.Text.Encoding.Error as T

-- | @+@ is a blank, and @%xx@ a byte of UTF-8; what is no such escape stays.
decodedText :: Text -> Text
decodedText = T.decodeUtf8With T.lenientDecode . bytes . C.map (\c -> if c == '+' then ' ' else c) . T.encodeUtf8
  where
    bytes text = case C.break (== '%') text of
      (plain, rest)
        | B.null rest -> plain
        | digits <- B.take 2 (B.drop 1 rest),
          B.length digits == 2 && C.all isHexDigit digits ->
          B.concat [plain, B.singleton (fromIntegral (C.foldl' (\n d -> n * 16 + digitToInt d) 0 digits)), bytes (B.drop 3 rest)]
        | otherwise -> B.concat [plain, "%", bytes (B.drop 1 rest)]

-- | The pairs of a query, in their order.
queryOf :: Text -> [(Text, Text)]
queryOf text = [(decodedText name, decodedText (T.drop 1 value)) | part <- T.splitOn "&" text, not (T.null part), let (name, value) = T.break (== '=') part]
