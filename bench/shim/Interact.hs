-- | Answers with its event; knows nothing of Lambda.
module Main (main) where

import qualified Data.ByteString as B

main :: IO ()
main = B.interact id
