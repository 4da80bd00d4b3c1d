{-# LANGUAGE OverloadedStrings #-}

-- | A web server of warp alone: whatever is asked for, the way it was asked is the answer.
module Main (main) where

import qualified Data.ByteString.Char8 as Bytes
import Network.HTTP.Types (status200)
import Network.Wai (rawPathInfo, rawQueryString, requestMethod, responseLBS, strictRequestBody)
import Network.Wai.Handler.Warp (runEnv)

main :: IO ()
main = runEnv 3000 $ \request respond -> do
  body <- strictRequestBody request
  let line = Bytes.unwords [requestMethod request, rawPathInfo request <> rawQueryString request]
  respond $ responseLBS status200 [("Content-Type", "application/octet-stream"), ("X-Line", line)] body
