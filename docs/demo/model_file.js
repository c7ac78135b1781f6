// The properties of an exported model (src/predict/exported_files.py), which an ONNX file keeps as texts: how to prepare
// a picture, and the numbers by which the Predictor finds faces (src/export/rules.py).
const METADATA = 14; // field of ONNX's ModelProto; of its entries, 1 is the name and 2 the text
const [NUMBER, BYTES] = [0, 2]; // protobuf's kinds of fields

/** { bytes, config, rules } of a model file. Throws an Error unless it is one that takes crops and carries its rules. */
export async function fetchModel(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: the server answered ${answer.status}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const properties = readProperties(bytes);
  const rules = JSON.parse(properties.rules ?? "{}");
  if (properties.input !== "crop" || !("levels" in rules)) // the newest rule
    throw new Error(`${path}: expected a file that today's python3 -m src.export wrote for crops; run make web again`);
  return { bytes, config: JSON.parse(properties.model_config), rules };
}

function readProperties(bytes) {
  const [decoder, properties] = [new TextDecoder(), {}];
  for (const { field, content } of fieldsOf(bytes)) {
    if (field !== METADATA) continue;
    const [name, text] = [...fieldsOf(content)].map((part) => decoder.decode(part.content));
    properties[name] = text;
  }
  return properties;
}

/** The fields { field, content } of a protobuf message that hold bytes. */
function* fieldsOf(bytes) {
  let at = 0;
  const number = () => {
    let [value, scale, byte] = [0, 1, 0];
    do {
      byte = bytes[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    return value;
  };
  while (at < bytes.length) {
    const tag = number();
    const length = number();
    if (tag % 8 === NUMBER) continue;
    if (tag % 8 !== BYTES) throw new Error("expected an ONNX file");
    yield { field: Math.floor(tag / 8), content: bytes.subarray(at, at + length) };
    at += length;
  }
}
