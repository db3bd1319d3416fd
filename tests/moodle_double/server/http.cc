namespace compagnon::moodle_double {}
