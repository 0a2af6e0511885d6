using Google.Protobuf;

namespace AkkaCharging.Testing.Otlp;

/// <summary>
/// A protobuf message by the numbers of its fields, for tests that know the schema and need little of it.
/// </summary>
internal sealed class ProtobufMessage
{
    private readonly List<(int Field, object Value)> _fields = [];

    public ProtobufMessage(byte[] bytes)
    {
        using var input = new CodedInputStream(bytes);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            object value = WireFormat.GetTagWireType(tag) switch
            {
                WireFormat.WireType.Varint => input.ReadUInt64(),
                WireFormat.WireType.Fixed64 => input.ReadFixed64(),
                WireFormat.WireType.Fixed32 => (ulong)input.ReadFixed32(),
                WireFormat.WireType.LengthDelimited => input.ReadBytes().ToByteArray(),
                var other => throw new InvalidDataException($"wire type {other}"),
            };
            _fields.Add((WireFormat.GetTagFieldNumber(tag), value));
        }
    }

    /// <summary>Every message in a repeated field.</summary>
    public IEnumerable<ProtobufMessage> Messages(int field) =>
        Of<byte[]>(field).Select(bytes => new ProtobufMessage(bytes));

    /// <summary>Empty when it is not there, as protobuf has it.</summary>
    public byte[] Bytes(int field) => Of<byte[]>(field).LastOrDefault() ?? [];

    public string Text(int field) => System.Text.Encoding.UTF8.GetString(Bytes(field));

    /// <summary>Null when it is not there.</summary>
    public ulong? Number(int field) => Of<ulong>(field).Cast<ulong?>().LastOrDefault();

    private IEnumerable<T> Of<T>(int field) =>
        _fields.Where(entry => entry.Field == field).Select(entry => entry.Value).OfType<T>();
}
