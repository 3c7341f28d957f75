tallyd_unit_test(self SOURCES unit/test_self.c LIBRARIES self_objects)
