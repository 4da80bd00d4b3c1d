{-# LANGUAGE DataKinds, OverloadedStrings, TypeOperators #-}
module Main (main) where
import qualified Data.ByteString.Lazy as Lazy
import Network.HTTP.Types (status200, status302)
import Network.Wai
import Network.Wai.Handler.Warp (runEnv)
import Data.Maybe (fromMaybe)
import Data.Text (Text)
import Servant
type Api = "line" :> Raw
  :<|> "echo" :> ReqBody '[OctetStream] Lazy.ByteString :> Post '[OctetStream] Lazy.ByteString
  :<|> "cookies" :> Get '[PlainText] (Headers '[Header "Set-Cookie" Text, Header "Set-Cookie" Text] Text)
  :<|> "empty" :> Verb 'GET 204 '[PlainText] NoContent
  :<|> "moved" :> Raw
  :<|> "header" :> Header "X-Test" Text :> Get '[PlainText] Text
main :: IO ()
main = runEnv 3000 (serve (Proxy :: Proxy Api) server)
server :: Server Api
server = Tagged line :<|> pure :<|> pure (addHeader "a=1" (addHeader "b=2" "")) :<|> pure NoContent :<|> Tagged moved :<|> (pure . fromMaybe "")
line, moved :: Application
line request respond = respond $ responseLBS status200 [] (Lazy.fromStrict (requestMethod request <> " " <> rawPathInfo request <> rawQueryString request))
moved _ respond = respond $ responseLBS status302 [("Location", "/line")] ""
