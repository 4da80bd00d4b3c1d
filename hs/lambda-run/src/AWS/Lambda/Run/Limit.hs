{-# LANGUAGE OverloadedStrings #-}

-- | What Lambda takes of an answer.
module AWS.Lambda.Run.Limit
  ( answerLimit,
    streamLimit,
    tooLarge,
  )
where

import AWS.Lambda.Run.Error (Failure (..))
import qualified Data.ByteString.Char8 as C

-- | Bytes of one that is no stream.
answerLimit :: Int
answerLimit = 6291556

-- | Bytes of a stream.
streamLimit :: Int
streamLimit = 209715200

-- | The error of an answer above that.
tooLarge :: Int -> Failure
tooLarge limit = Failure "Function.ResponseSizeTooLarge" ("the answer is above " <> C.pack (show limit) <> " bytes, Lambda's limit; " <> way) []
  where
    way = if limit == answerLimit then "stream it, or leave it in S3" else "leave it in S3"
