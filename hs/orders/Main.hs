{-# LANGUAGE OverloadedStrings #-}

-- | Takes orders from a queue: a message with a bad order fails alone and comes again, the others are done.
module Main (main) where

import AWS.Lambda.Run (failWith)
import AWS.Lambda.Run.SQS (runBatch)
import Control.Monad (when)
import Data.Aeson (FromJSON (..), withObject, (.:))
import Data.Text (Text)
import qualified Data.Text.IO as T

data Order = Order {item :: Text, quantity :: Int}

instance FromJSON Order where
  parseJSON = withObject "an order" $ \o -> Order <$> o .: "item" <*> o .: "quantity"

main :: IO ()
main = runBatch $ \_ _ order -> do
  when (quantity order < 1) $ failWith "BadQuantity" "an order is for one item at least"
  T.putStrLn ("accepted: " <> item order) -- prints are log
