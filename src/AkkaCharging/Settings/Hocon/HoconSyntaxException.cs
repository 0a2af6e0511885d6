namespace AkkaCharging.Settings.Hocon;

/// <summary>The text is outside the strict subset of HOCON that <see cref="HoconParser"/> accepts.</summary>
internal sealed class HoconSyntaxException(string source, string reason) : Exception($"{source}: {reason}");
