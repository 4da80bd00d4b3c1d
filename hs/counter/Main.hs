{-# LANGUAGE OverloadedStrings #-}

-- | Counts the events that this process has served: {"served": 3, "event": …}. In a shell it serves one.
module Main (main) where

import qualified AWS.Lambda.Run as Lambda
import qualified Data.ByteString.Char8 as B
import Data.IORef (atomicModifyIORef', newIORef)

main :: IO ()
main = do
  counter <- newIORef (0 :: Int)
  Lambda.run $ \_ event -> do
    served <- atomicModifyIORef' counter (\n -> (n + 1, n + 1))
    pure (B.concat ["{\"served\": ", B.pack (show served), ", \"event\": ", if B.null event then "null" else event, "}"])
