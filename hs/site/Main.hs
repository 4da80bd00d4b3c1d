{-# LANGUAGE OverloadedStrings #-}

-- | A small site, as anybody would write it with scotty: pages, JSON, a form, a cookie, a file up and down, a stream.
-- Nothing in it knows of Lambda; `PORT=8000 site` serves it anywhere.
module Main (main) where

import Control.Concurrent (threadDelay)
import Control.Monad (forM_)
import Control.Monad.IO.Class (liftIO)
import Data.Aeson (object, (.=))
import Data.Binary.Builder (fromByteString)
import qualified Data.ByteString.Lazy as Lazy
import Data.IORef (IORef, newIORef, readIORef, writeIORef)
import Data.Maybe (fromMaybe)
import Data.Text.Encoding (encodeUtf8)
import Data.Text.Lazy (Text)
import qualified Data.Text.Lazy as Text
import Network.HTTP.Types (status404)
import Network.Wai (rawPathInfo, rawQueryString)
import Network.Wai.Parse (FileInfo (..))
import System.Environment (lookupEnv)
import Web.Scotty

-- | A file that was uploaded, as long as this process lives.
type Kept = IORef (Maybe (Lazy.ByteString, Text))

main :: IO ()
main = do
  port <- maybe 3000 read <$> lookupEnv "PORT"
  kept <- newIORef Nothing
  scotty port (site kept)

site :: Kept -> ScottyM ()
site kept = do
  get "/" $ html page
  get "/hello/:name" $ do
    name <- param "name"
    json $ object ["hello" .= (name :: Text)]
  post "/greet" $ do
    name <- param "name"
    setHeader "Set-Cookie" ("name=" <> Text.filter (`notElem` ("\r\n;" :: String)) name <> "; Path=/; HttpOnly")
    redirect "/greet"
  get "/greet" $ do
    cookie <- header "Cookie"
    html $ "<p>Hello, " <> escaped (fromMaybe "stranger" (cookie >>= Text.stripPrefix "name=")) <> ".</p>"
  post "/file" $ do
    uploaded <- files
    case uploaded of
      (_, sent) : _ -> do
        liftIO $ writeIORef kept (Just (fileContent sent, Text.pack (show (fileName sent))))
        json $ object ["bytes" .= Lazy.length (fileContent sent)]
      [] -> status status404 >> text "no file was sent"
  get "/file" $ do
    there <- liftIO (readIORef kept)
    case there of
      Just (content, _) -> setHeader "Content-Type" "application/octet-stream" >> raw content
      Nothing -> status status404 >> text "no file has been uploaded"
  get "/stream" $ do
    setHeader "Content-Type" "text/event-stream"
    stream $ \write flush -> forM_ [1 :: Int .. 5] $ \number -> do
      write (fromByteString (encodeUtf8 "data: ") <> fromByteString (encodeUtf8 (Text.toStrict (Text.pack (show number)))) <> fromByteString "\n\n")
      flush
      threadDelay 200000
  notFound $ do
    asked <- request
    text $ "nothing here: " <> Text.pack (show (rawPathInfo asked <> rawQueryString asked))

page :: Text
page =
  Text.unlines
    [ "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
      "<title>A site in Haskell</title><link rel=icon href='data:,'>",
      "<h1>A site in Haskell</h1>",
      "<form action=/greet method=post><label>Your name <input name=name></label> <button>Greet</button></form>",
      "<form action=/file method=post enctype=multipart/form-data><input type=file name=file> <button>Upload</button></form>",
      "<p><a href=/hello/world>JSON</a>, <a href=/file>the file</a>, <a href=/stream>a stream</a></p>",
      "</html>"
    ]

-- | Text as HTML.
escaped :: Text -> Text
escaped = Text.concatMap $ \c -> case c of
  '<' -> "&lt;"
  '>' -> "&gt;"
  '&' -> "&amp;"
  '"' -> "&quot;"
  _ -> Text.singleton c
