{-# LANGUAGE OverloadedStrings #-}

-- | Fails in the way its event asks for: {"exit": 3}, {"throw": "why"}, {"print": "not JSON"} or {"stderr": "a line"}.
-- Several at once are done in the order stderr, print, throw, exit; without any of them it answers {"failed": false}.
module Main (main) where

import Control.Exception (ErrorCall (..), throwIO)
import Data.Aeson (FromJSON (..), eitherDecode, withObject, (.:?))
import qualified Data.ByteString.Lazy.Char8 as B
import Data.Foldable (for_)
import System.Exit (ExitCode (..), die, exitWith)
import System.IO (hPutStrLn, stderr)

data Wish = Wish
  { complain :: Maybe String,
    output :: Maybe String,
    exception :: Maybe String,
    code :: Maybe Int
  }

instance FromJSON Wish where
  parseJSON = withObject "a wish" $ \o -> Wish <$> o .:? "stderr" <*> o .:? "print" <*> o .:? "throw" <*> o .:? "exit"

main :: IO ()
main = B.getContents >>= either die failing . eitherDecode

failing :: Wish -> IO ()
failing wish = do
  for_ (complain wish) (hPutStrLn stderr)
  putStr (maybe "{\"failed\": false}" id (output wish))
  for_ (exception wish) (throwIO . ErrorCall)
  for_ (code wish) (exitWith . exit)
  where
    exit 0 = ExitSuccess
    exit n = ExitFailure n
