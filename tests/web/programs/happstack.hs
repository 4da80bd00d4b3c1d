{-# LANGUAGE OverloadedStrings #-}
module Main (main) where
import Control.Monad (msum)
import Control.Monad.IO.Class (liftIO)
import qualified Data.ByteString.Char8 as Bytes
import qualified Data.ByteString.Lazy.Char8 as Lazy
import Happstack.Server
import System.Environment (lookupEnv)
main :: IO ()
main = do
  given <- maybe 8000 read <$> lookupEnv "PORT"
  simpleHTTP nullConf {port = given} $ msum
    [ dir "line" (askRq >>= \r -> ok (toResponse (show (rqMethod r) ++ " " ++ rqUri r ++ rqQuery r)))
    , dir "echo" (askRq >>= \r -> liftIO (takeRequestBody r) >>= ok . toResponseBS "application/octet-stream" . maybe "" unBody)
    , dir "cookies" (addHeaderM "Set-Cookie" "a=1" >> addHeaderM "Set-Cookie" "b=2" >> ok (toResponse ("" :: String)))
    , dir "empty" (noContent (toResponse ("" :: String)))
    , dir "moved" (found ("/line" :: String) (toResponse ("" :: String)))
    , dir "header" (getHeaderM "X-Test" >>= ok . toResponseBS "text/plain" . Lazy.fromStrict . maybe "" id)
    ]
