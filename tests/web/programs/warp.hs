{-# LANGUAGE OverloadedStrings #-}
module Main (main) where
import qualified Data.ByteString.Char8 as Bytes
import qualified Data.ByteString.Lazy as Lazy
import Network.HTTP.Types
import Network.Wai
import Network.Wai.Handler.Warp (runEnv)
main :: IO ()
main = runEnv 3000 app
app :: Application
app request respond = case (requestMethod request, pathInfo request) of
  (_, ["line"]) -> respond $ responseLBS status200 [] (Lazy.fromStrict (requestMethod request <> " " <> rawPathInfo request <> rawQueryString request))
  ("POST", ["echo"]) -> strictRequestBody request >>= respond . responseLBS status200 [(hContentType, "application/octet-stream")]
  (_, ["cookies"]) -> respond $ responseLBS status200 [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")] ""
  (_, ["empty"]) -> respond $ responseLBS status204 [] ""
  (_, ["moved"]) -> respond $ responseLBS status302 [("Location", "/line")] ""
  (_, ["header"]) -> respond $ responseLBS status200 [] (maybe "" Lazy.fromStrict (lookup "X-Test" (requestHeaders request)))
  _ -> respond $ responseLBS status404 [] (Lazy.fromStrict (Bytes.pack "nothing"))
