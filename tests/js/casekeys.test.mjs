import assert from "node:assert/strict";
import { test } from "node:test";
import { checkList, findFiles, oneEach, parseCsv, readKey, readList } from "../../static/handover/casekeys.mjs";

const GROUPS = ["film", "films", "scan", "scans"];

test("a list is read as spreadsheets write it", () => {
  assert.deepEqual(parseCsv('\uFEFFimage;labels\r\n"a;b ""c""";Mass\r\n\r\n'), [["image", "labels"], ['a;b "c"', "Mass"]]);
});

test("a list in another coding than Unicode is refused by its rows", () => {
  const list = "image,labels\na,Mass\nb,Pleuraergu\u00DF";
  /** @param {BufferEncoding} coding @param {string} [mark] */
  const read = (coding, mark = "") => readList(new Uint8Array(Buffer.from(mark + list, coding)).buffer);
  const { table } = read("utf8");
  assert.equal(table[2][1], "Pleuraergu\u00DF");
  for (const other of [read("utf8", "\uFEFF"), read("utf16le", "\uFEFF")]) assert.deepEqual(other, { table, faults: [] });
  assert.deepEqual(readList(new Uint8Array(Buffer.from(`\uFEFF${list}`, "utf16le").swap16()).buffer), { table, faults: [] });
  assert.deepEqual(read("latin1").faults, ["row 2: expected a list in UTF-8 (save it as CSV UTF-8), got 'b, Pleuraergu\uFFFD'"]);
  assert.deepEqual(readList(new ArrayBuffer(0)), { table: [], faults: [] });
});

test("every fault of a list is told, by its row", () => {
  const said = checkList(parseCsv("image,group,labels\na.png,Film ,Mass\na.png,scan,;\nb.png,other,Mass"), GROUPS, []);
  assert.equal(said.faults.length, 3);
  assert.match(said.faults[0], /row 2: expected each image once/);
  assert.match(checkList(parseCsv("image,group\na,film"), GROUPS, ["sex"]).faults.join(), /a column labels.*a column sex/);
  assert.match(checkList(parseCsv("image,group,labels\na,film,Mass"), GROUPS, []).faults.join(), /both groups/);
});

test("a file is found where only one fits", () => {
  const files = ["top/a/1.dcm", "top/b/1.dcm", "top/2.dcm"].map((path) => ({ path, file: path }));
  const { found, faults } = findFiles(["a/1.dcm", "1.dcm", "x/2.png"], files);
  assert.deepEqual([...found], [["a/1.dcm", "top/a/1.dcm"], ["x/2.png", "top/2.dcm"]]);
  assert.deepEqual(faults, ["expected one file for '1.dcm', got 2"]);
});

test("two spellings of one image are refused, and no image of a long list is", () => {
  const files = ["b10.png", "a.png"].map((path) => ({ path, file: path }));
  assert.deepEqual(findFiles(["b10.png", "a", "b10"], files).faults, ["expected one image for one file, it fits 'b10.png' and 'b10'; list it once, or write the whole path"]);
  const many = Array.from({ length: 20_000 }, (_, at) => ({ path: `top/${at}.dcm`, file: { at } }));
  const names = many.map(({ path }) => path.slice(4));
  assert.deepEqual(findFiles(names, many).faults, []);
});

test("sets are attested only where each has one of the first group", () => {
  const plan = [[0, 1], [0, 0], [1, 1], [1, 1]].map(([pair, arm]) => ({ pair, arm }));
  assert.equal(oneEach(plan.slice(0, 2)), true);
  assert.equal(oneEach(plan), false);
  assert.equal(oneEach([{ pair: 0, arm: 1 }]), false);
});

test("a saved key says again which image is sent under which name", () => {
  assert.deepEqual(readKey('case,arm,source\nab,1,"x,y.png"\nab,1,z\n'), [{ stem: "ab", source: "x,y.png" }, { stem: "ab-2", source: "z" }]);
});

test("cases with other images than the rest are told with their counts", () => {
  const listed = (rows) => checkList(parseCsv(`image,case,role,group,labels\n${rows.join("\n")}`), GROUPS, []).faults;
  const two = ["a,1,PA,film,Mass", "b,1,LATERAL,film,Mass", "c,2,PA,scan,Mass", "d,2,LATERAL,scan,Mass"];
  assert.deepEqual(listed(two), []);
  assert.match(listed(two.slice(0, 3)).join(), /same images in every case.*PA \+ LATERAL in 1; PA in 1 cases/);
  assert.match(listed([two[1], two[0], two[2], two[3]]).join(), /same images in every case.*LATERAL \+ PA in 1; PA \+ LATERAL in 1/);
  assert.match(listed(two.map((row) => row.replace("LATERAL", "PA"))).join(), /a role of its own/);
  assert.match(listed([...two.slice(0, 3), "d,2,LATERAL,scan,Hernia"]).join(), /row 4: expected one labels for all images/);
});
