-- | Answers with bytes of its own that are those of its event, as a handler that makes its answer does.
module Main (main) where

import qualified AWS.Lambda.Run as Lambda
import qualified Data.ByteString as B

main :: IO ()
main = Lambda.run (\_ event -> pure (B.copy event))
