{-# LANGUAGE OverloadedStrings #-}
module Main (main) where
import qualified Data.ByteString.Char8 as Bytes
import Data.Maybe (fromMaybe)
import Snap.Core
import Snap.Http.Server
main :: IO ()
main = quickHttpServe $ route
  [ ("line", getRequest >>= \r -> writeBS (Bytes.pack (show (rqMethod r)) <> " " <> rqURI r))
  , ("echo", modifyResponse (setContentType "application/octet-stream") >> readRequestBody 10000000 >>= writeLBS)
  , ("cookies", mapM_ (\(name, value) -> modifyResponse (addResponseCookie (Cookie name value Nothing Nothing Nothing False False))) [("a", "1"), ("b", "2")])
  , ("empty", modifyResponse (setResponseCode 204))
  , ("moved", redirect "/line")
  , ("header", getRequest >>= \r -> writeBS (fromMaybe "" (getHeader "X-Test" r)))
  ]
