// The JSON parser and writer: what is accepted, what is refused, and that values survive the round trip.
#include "io/json.h"

#include <cmath>
#include <limits>

#include "tests/support/check.h"

namespace hqq {
namespace {

std::string round_trip(std::string_view text) { return parse_json(text).dump(); }

TEST("json: values survive parsing and writing") {
  CHECK_EQ(round_trip(R"( { "a" : [1, -2, 3.5, true, false, null], "b" : {} , "c":[] } )"),
           R"({"a":[1,-2,3.5,true,false,null],"b":{},"c":[]})");
  CHECK_EQ(round_trip("9223372036854775807"), "9223372036854775807");
  CHECK_EQ(round_trip("-9223372036854775808"), "-9223372036854775808");
  CHECK_EQ(round_trip("[-0,-0.0,-0e3,0]"), "[-0,-0,-0,0]");
  CHECK_EQ(parse_json("-0").as_int(), 0);
  CHECK_EQ(parse_json("0.1").as_number(), 0.1);
  CHECK_EQ(parse_json(Json(1.0 / 3).dump()).as_number(), 1.0 / 3);
  CHECK_EQ(parse_json("1e3").as_int(), 1000);
  CHECK(parse_json("18446744073709551616").is_number());
  CHECK(!parse_json("18446744073709551616").is_int());
}

TEST("json: strings and escapes") {
  CHECK_EQ(parse_json(R"("\u00e9\n\"\\\/\u20AC\ud83d\ude00")").as_string(),
           "\xC3\xA9\n\"\\/\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK_EQ(parse_json("\"\xF0\x9F\x98\x80\"").as_string(), "\xF0\x9F\x98\x80");
  CHECK_EQ(Json(std::string("\x01\"\\\t")).dump(), R"("\u0001\"\\\t")");
}

TEST("json: malformed text is refused with its place") {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[1,]",
                          "{\"a\":1,}",
                          "{a:1}",
                          "nul",
                          "tru",
                          "01",
                          "1.",
                          "1e",
                          "-",
                          "+1",
                          ".5",
                          "\"",
                          "\"\\x\"",
                          "\"\\u12\"",
                          "\"\\ud800\"",
                          "\"\\udc00\\ud800\"",
                          "[1 2]",
                          "{\"a\" 1}",
                          "1 2",
                          "\"\x01\"",
                          "NaN",
                          "Infinity",
                          "1e999",
                          "\"\\",
                          "\xEF\xBB\xBF{}",
                          "{\"a\":1,\"b\":2,\"a\":3}"}) {
    CHECK_THROWS_CODE(parse_json(bad), bad_file);
  }
  for (const char* bad :
       {"\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"", "\"\xFF\"", "\"\x80\""}) {
    CHECK_THROWS_CODE(parse_json(bad), bad_file);
  }
  try {
    parse_json("{\n  \"a\": ?\n}");
    FAIL("accepted");
  } catch (const EngineError& error) {
    CHECK(std::string(error.what()).find("line 2, column 8") != std::string::npos, error.what());
  }
}

TEST("json: limits hold") {
  const std::string deep(100000, '[');
  CHECK_THROWS_CODE(parse_json(deep), bad_file);
  CHECK_THROWS_CODE(parse_json("[[[1]]]", {.max_depth = 2}), bad_file);
  CHECK_THROWS_CODE(parse_json("[1,2,3]", {.max_items = 2}), bad_file);
  CHECK_THROWS_CODE(parse_json("{\"a\":1,\"b\":2}", {.max_members = 1}), bad_file);
  CHECK_THROWS_CODE(parse_json("[1,2,3]", {.max_values = 3}), bad_file);
  CHECK_THROWS_CODE(parse_json("12345", {.max_bytes = 4}), bad_file);
}

TEST("json: typed access") {
  const Json value = parse_json(R"({"n": 3, "x": 2.5, "whole": 4.0, "s": "t", "b": true, "nothing": null})");
  CHECK_EQ(value.at("n").as_int(), 3);
  CHECK_EQ(value.at("whole").as_int(), 4);
  CHECK_EQ(value.get("n", 0.0), 3.0);
  CHECK_EQ(value.get("absent", int64_t{7}), 7);
  CHECK_EQ(value.get("nothing", "fallback"), "fallback");
  CHECK_EQ(value.get("b", false), true);
  CHECK(value.find("nothing") == nullptr);
  CHECK_THROWS_CODE(value.at("absent"), bad_input);
  CHECK_THROWS_CODE(value.at("x").as_int(), bad_input);
  CHECK_THROWS_CODE(value.at("s").as_number(), bad_input);
  CHECK_THROWS_CODE(value.get("s", true), bad_input);
  CHECK_THROWS_CODE(Json(1e300).as_int(), bad_input);
}

TEST("json: building and indenting") {
  Json value;
  value.set("list", Json::Array{1, 2}).set("name", "x").set("name", "y");
  value.set("nan", std::numeric_limits<double>::quiet_NaN());
  CHECK_EQ(value.dump(), R"({"list":[1,2],"name":"y","nan":null})");
  CHECK_EQ(value.dump(2), "{\n  \"list\": [\n    1,\n    2\n  ],\n  \"name\": \"y\",\n  \"nan\": null\n}");
}

}  // namespace
}  // namespace hqq
