{-# LANGUAGE OverloadedStrings #-}

-- | Solves the linear system A x = b of an event {"a": [[2, 1], [1, 3]], "b": [3, 5]}; the answer is {"x": [0.8, 1.4]}.
module Main (main) where

import Data.Aeson (FromJSON (..), Value, eitherDecode, encode, object, withObject, (.:), (.=))
import qualified Data.ByteString.Lazy.Char8 as B
import Numeric.LinearAlgebra (Matrix, Vector, asColumn, flatten, fromLists, linearSolve, toList, vector)
import System.Exit (die)

data System = System [[Double]] [Double]

instance FromJSON System where
  parseJSON = withObject "a system" $ \o -> System <$> o .: "a" <*> o .: "b"

main :: IO ()
main = B.getContents >>= either die (B.putStrLn . encode) . handler

handler :: B.ByteString -> Either String Value
handler event = do
  System a b <- eitherDecode event
  x <- solve a b
  pure (object ["x" .= toList x])

solve :: [[Double]] -> [Double] -> Either String (Vector Double)
solve a b
  | null a || any ((/= length a) . length) a = Left "a must be a square matrix"
  | length b /= length a = Left "b must have as many numbers as a has rows"
  | otherwise = maybe (Left "a has no inverse") (Right . flatten) (linearSolve matrix (asColumn right))
  where
    matrix = fromLists a :: Matrix Double
    right = vector b
