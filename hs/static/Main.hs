{-# LANGUAGE OverloadedStrings #-}

-- | A web server of warp alone: the body that was sent is the answer, and X-Line tells how it was asked.
module Main (main) where

import qualified Data.ByteString.Char8 as Bytes
import Data.Maybe (fromMaybe)
import Network.HTTP.Types (status200)
import Network.Wai (rawPathInfo, rawQueryString, requestHeaders, requestMethod, responseLBS, strictRequestBody)
import Network.Wai.Handler.Warp (runEnv)

main :: IO ()
main = runEnv 3000 $ \request respond -> do
  body <- strictRequestBody request
  let line = Bytes.unwords [requestMethod request, rawPathInfo request <> rawQueryString request]
      kind = fromMaybe "text/plain" (lookup "Content-Type" (requestHeaders request))
  respond $ responseLBS status200 [("Content-Type", kind), ("X-Line", line)] body
