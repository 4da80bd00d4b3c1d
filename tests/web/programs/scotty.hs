{-# LANGUAGE OverloadedStrings #-}
module Main (main) where
import qualified Data.ByteString.Lazy as Lazy
import Network.HTTP.Types
import Network.Wai
import System.Environment (lookupEnv)
import Web.Scotty
main :: IO ()
main = do
  port <- maybe 3000 read <$> lookupEnv "PORT"
  scotty port $ do
    matchAny "/line" $ do
      asked <- Web.Scotty.request
      raw (Lazy.fromStrict (requestMethod asked <> " " <> rawPathInfo asked <> rawQueryString asked))
    post "/echo" $ setHeader "Content-Type" "application/octet-stream" >> body >>= raw
    get "/cookies" $ addHeader "Set-Cookie" "a=1" >> addHeader "Set-Cookie" "b=2"
    get "/empty" $ status status204
    get "/moved" $ redirect "/line"
    get "/header" $ Web.Scotty.header "X-Test" >>= text . maybe "" id
    notFound $ status status404 >> text "nothing"
