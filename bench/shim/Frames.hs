-- | Answers with its event in the frames of a persistent program, and knows nothing else of the shim.
module Main (main) where

import qualified Data.ByteString.Char8 as B
import System.IO (hFlush, hSetBinaryMode, isEOF, stdin, stdout)

main :: IO ()
main = mapM_ (`hSetBinaryMode` True) [stdin, stdout] >> loop
  where
    loop = isEOF >>= \over -> if over then pure () else B.getLine >>= answer >> loop
    answer line = do
      event <- B.hGet stdin (maybe 0 fst (B.readInt (B.drop 1 (B.dropWhile (/= ' ') line))))
      B.putStr (B.concat [line, B.singleton '\n'])
      B.putStr event
      hFlush stdout
