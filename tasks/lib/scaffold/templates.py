"""What `doit new` writes for each kind of program. PACKAGE and EXECUTABLE are filled in.

A handler is a function in a module of its own, so that the test calls it without Lambda; Main.hs says how it is driven.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

RUN = {"lambda-run": "the module `AWS.Lambda.Run`"}  # of hs/: a package that a program is built with, what is in it
TYPED = {**RUN, "lambda-run-aeson": "`AWS.Lambda.Run.Json` and `AWS.Lambda.Run.SQS`"}


class Kind(NamedTuple):
    """One kind of program."""

    meaning: str
    table: Mapping[str, str | list[str]]
    files: Mapping[str, str]
    event: str
    beside: Mapping[str, str] = MappingProxyType({})
    handler: str = "src/Handler.hs"


def _package(depends: str, *, modules: str = "Handler", test_depends: str = "", options: str = "-Wall") -> str:
    return f"""cabal-version: 2.0
name:          PACKAGE
version:       0.1.0
build-type:    Simple

executable EXECUTABLE
  main-is:          Main.hs
  other-modules:    {modules}
  hs-source-dirs:   app, src
  build-depends:    {depends}
  default-language: Haskell2010
  ghc-options:      {options}

test-suite PACKAGE-test
  type:             exitcode-stdio-1.0
  main-is:          Main.hs
  other-modules:    {modules}
  hs-source-dirs:   test, src
  build-depends:    {test_depends or depends}
  default-language: Haskell2010
  ghc-options:      -Wall
"""


BYTES = "base >=4 && <5, bytestring"
HANDLER = """-- | What the function answers. It knows nothing of Lambda, so a test can call it.
module Handler (handler) where

import qualified Data.ByteString.Char8 as B

-- | The event comes as it was sent, JSON; so does the answer go.
handler :: B.ByteString -> B.ByteString
handler event = B.concat [B.pack "{\\"hello\\": ", if B.null event then B.pack "null" else event, B.pack "}"]
"""
TEST = """-- | cabal test; where cabal never reached Hackage: CABAL_CONFIG=/dev/null cabal test --offline
module Main (main) where

import Control.Monad (unless)
import qualified Data.ByteString.Char8 as B
import Handler (handler)
import System.Exit (exitFailure)

main :: IO ()
main = do
  let answer = handler (B.pack "1")
  unless (answer == B.pack "{\\"hello\\": 1}") $ do
    B.putStrLn answer
    exitFailure
"""
PROGRAM_MAIN = """-- | Reads the event from stdin to its end, writes the answer to stdout: in a shell as on Lambda.
module Main (main) where

import qualified Data.ByteString.Char8 as B
import Handler (handler)

main :: IO ()
main = B.getContents >>= B.putStrLn . handler . fst . B.spanEnd (`elem` "\\r\\n")
"""
RUN_MAIN = """-- | One process for many events; in a shell it answers the one event on stdin.
module Main (main) where

import Handler (handler)
import qualified AWS.Lambda.Run as Lambda

main :: IO ()
main = Lambda.run (\\_ event -> pure (handler event))
"""
TYPED_HANDLER = """{-# LANGUAGE DeriveGeneric #-}

-- | What the function answers, in types of its own.
module Handler (Event (..), Answer (..), handler) where

import Data.Aeson (FromJSON, ToJSON)
import GHC.Generics (Generic)

newtype Event = Event {name :: String} deriving (Show, Eq, Generic)

newtype Answer = Answer {greeting :: String} deriving (Show, Eq, Generic)

instance FromJSON Event

instance ToJSON Answer

handler :: Event -> Answer
handler event = Answer {greeting = "Hello, " ++ name event ++ "!"}
"""
TYPED_MAIN = """-- | One process for many events. One of another shape is the error Function.InvalidEvent.
module Main (main) where

import AWS.Lambda.Run.Json (runJson)
import Handler (handler)

main :: IO ()
main = runJson (\\_ event -> pure (handler event))
"""
TYPED_TEST = """-- | cabal test; where cabal never reached Hackage: CABAL_CONFIG=/dev/null cabal test --offline
module Main (main) where

import Control.Monad (unless)
import Data.Aeson (decode)
import qualified Data.ByteString.Lazy.Char8 as L
import Handler (Answer (..), Event (..), handler)
import System.Exit (exitFailure)

main :: IO ()
main = do
  let event = decode (L.pack "{\\"name\\": \\"you\\"}")
  unless (event == Just (Event {name = "you"})) exitFailure
  unless (handler (Event {name = "you"}) == Answer {greeting = "Hello, you!"}) exitFailure
"""
SERVER_DEPENDS = "base >=4 && <5, bytestring, http-types, wai, warp"
SERVER_HANDLER = """-- | What each path answers.
module Handler (application, page) where

import qualified Data.ByteString.Char8 as B
import qualified Data.ByteString.Lazy as L
import Network.HTTP.Types (Status, hContentType, status200, status404)
import Network.Wai (Application, rawPathInfo, responseLBS)

application :: Application
application request respond = respond (responseLBS status [(hContentType, B.pack "text/plain")] (L.fromStrict body))
  where
    (status, body) = page (rawPathInfo request)

-- | A path's status and text.
page :: B.ByteString -> (Status, B.ByteString)
page path
  | path == B.pack "/" = (status200, B.pack "Hello\\n")
  | otherwise = (status404, B.pack "Not here\\n")
"""
SERVER_MAIN = """-- | PORT=8000 serves it anywhere; on Lambda the port comes the same way.
module Main (main) where

import Handler (application)
import Network.Wai.Handler.Warp (run)
import System.Environment (lookupEnv)

main :: IO ()
main = do
  port <- lookupEnv "PORT"
  run (maybe 8000 read port) application
"""
SERVER_TEST = """-- | cabal test; where cabal never reached Hackage: CABAL_CONFIG=/dev/null cabal test --offline
module Main (main) where

import Control.Monad (unless)
import qualified Data.ByteString.Char8 as B
import Handler (page)
import Network.HTTP.Types (status200)
import System.Exit (exitFailure)

main :: IO ()
main = unless (fst (page (B.pack "/")) == status200) exitFailure
"""
SERVER_EVENT = (
    '{"version": "2.0", "rawPath": "/", "rawQueryString": "", "headers": {"host": "localhost"}, '
    '"requestContext": {"http": {"method": "GET", "path": "/", "sourceIp": "127.0.0.1"}}}'
)


def _with_run(options: str = "-Wall") -> Mapping[str, str]:
    return {
        "PACKAGE.cabal": _package(f"{BYTES}, lambda-run", test_depends=BYTES, options=options),
        "cabal.project": "packages: . ../lambda-run\n",
        "app/Main.hs": RUN_MAIN,
        "src/Handler.hs": HANDLER,
        "test/Main.hs": TEST,
    }


KINDS: Mapping[str, Kind] = {
    "program": Kind(
        "reads stdin, writes stdout, ends",
        {},
        {
            "PACKAGE.cabal": _package(BYTES),
            "app/Main.hs": PROGRAM_MAIN,
            "src/Handler.hs": HANDLER,
            "test/Main.hs": TEST,
        },
        '{"name": "you"}',
    ),
    "persistent": Kind(
        "one process for many events, with the module `AWS.Lambda.Run`",
        {"process": "persistent"},
        _with_run(),
        '{"name": "you"}',
        beside=RUN,
    ),
    "native": Kind(
        "asks Lambda's Runtime API itself, without a shim, with the module `AWS.Lambda.Run`",
        {"process": "native"},
        _with_run("-Wall -fno-omit-yields"),
        '{"name": "you"}',
        beside=RUN,
    ),
    "server": Kind(
        "a web server on a port, with warp; nothing in it knows of Lambda",
        {"process": "http"},
        {
            "PACKAGE.cabal": _package(SERVER_DEPENDS),
            "app/Main.hs": SERVER_MAIN,
            "src/Handler.hs": SERVER_HANDLER,
            "test/Main.hs": SERVER_TEST,
        },
        SERVER_EVENT,
    ),
    "typed": Kind(
        "a handler in types of its own, with aeson; one process for many events",
        {"process": "persistent"},
        {
            "PACKAGE.cabal": _package(
                "base >=4 && <5, aeson, lambda-run, lambda-run-aeson", test_depends="base >=4 && <5, aeson, bytestring"
            ),
            "cabal.project": "packages: . ../lambda-run ../lambda-run-aeson\n",
            "app/Main.hs": TYPED_MAIN,
            "src/Handler.hs": TYPED_HANDLER,
            "test/Main.hs": TYPED_TEST,
        },
        '{"name": "you"}',
        beside=TYPED,
    ),
}
