{-# LANGUAGE OverloadedStrings #-}

-- | A program with hs/lambda-run that keeps events beyond their answers, and answers with pieces of them.
module Main (main) where

import qualified AWS.Lambda.Run as Lambda
import Control.Monad (when)
import qualified Data.ByteString.Char8 as B
import Data.IORef (modifyIORef, newIORef, readIORef)

main :: IO ()
main = do
  kept <- newIORef []
  Lambda.run $ \_ event -> do
    when ("[\"keep\"" `B.isPrefixOf` event) $ modifyIORef kept (event :)
    case () of
      _
        | "\"kept\"" == event -> (\all' -> B.concat ["[", B.intercalate "," (reverse all'), "]"]) <$> readIORef kept
        | "\"first\"" == event -> last <$> readIORef kept
        | "[\"piece\"," `B.isPrefixOf` event -> pure (B.init (B.drop 9 event))
        | otherwise -> pure event
