#include "t/unit/unit.h"
START_TEST(x)
{
}
END_TEST
UNIT_MAIN("x", x)
