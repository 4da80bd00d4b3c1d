-- | The old name of "AWS.Lambda.Run".
module Lambda {-# DEPRECATED "import AWS.Lambda.Run; this name goes with the next major version" #-} (module AWS.Lambda.Run) where

import AWS.Lambda.Run
