// A handler without a program.
'use strict';

exports.handle = async (event) => event;
