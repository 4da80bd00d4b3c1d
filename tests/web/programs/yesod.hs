{-# LANGUAGE MultiParamTypeClasses, OverloadedStrings, QuasiQuotes, TemplateHaskell, TypeFamilies, ViewPatterns #-}
module Main (main) where
import qualified Data.ByteString.Lazy as Lazy
import Data.Text.Encoding (decodeUtf8)
import Network.HTTP.Types
import qualified Network.Wai as Wai
import Yesod.Core
data App = App
mkYesod "App" [parseRoutes|
/line LineR
/echo EchoR POST
/cookies CookiesR GET
/empty EmptyR GET
/moved MovedR GET
/header HeaderR GET
|]
instance Yesod App where
  makeSessionBackend _ = pure Nothing
main :: IO ()
main = warpEnv App
handleLineR :: Handler TypedContent
handleLineR = do
  asked <- waiRequest
  pure (TypedContent typePlain (toContent (decodeUtf8 (Wai.requestMethod asked <> " " <> Wai.rawPathInfo asked <> Wai.rawQueryString asked))))
postEchoR :: Handler TypedContent
postEchoR = do
  asked <- waiRequest
  sent <- liftIO (Wai.strictRequestBody asked)
  pure (TypedContent typeOctet (toContent (sent :: Lazy.ByteString)))
getCookiesR :: Handler ()
getCookiesR = addHeader "Set-Cookie" "a=1" >> addHeader "Set-Cookie" "b=2"
getEmptyR :: Handler ()
getEmptyR = sendResponseStatus status204 ()
getMovedR :: Handler ()
getMovedR = redirectWith status302 ("/line" :: String)
getHeaderR :: Handler RepPlain
getHeaderR = maybe "" decodeUtf8 <$> lookupHeader "X-Test" >>= pure . RepPlain . toContent
