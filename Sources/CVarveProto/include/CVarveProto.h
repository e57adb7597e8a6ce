#include "varve.pb-c.h"
#include "frames.pb-c.h"
#include "descriptors.h"
